#include "model/hub/token.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "model/base64.hpp"
#include "tests/support/sdk_golden.hpp"

namespace hubproof::model {
namespace {

using std::string;

const string facts_key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

Date at(std::int64_t seconds) { return Date{std::chrono::seconds{seconds}}; }

// The three vectors of [SEC-04].
TEST(Token, IsSignedAsTheFactsSay) {
  const struct {
    string sr, sig;
  } vectors[] = {{"myhub.azure-devices.net%2Fdevices%2Fdevice1",
                  "mCMoB8EpzPd2tOlYijEhPmnCKFuwbkzE7tH8oG6X0Qc%3D"},
                 {"myhub.azure-devices.net%2fdevices%2fdevice1",
                  "zvuWgn6GdyUQxk%2BY5aklbjGHPeA%2FLjhvA84S%2F8VZ3pw%3D"},
                 {"myhub.azure-devices.net", "VXaJur%2FpXQZdd6TLf62wMJRE%2BFpdE6RTeO6BwJwNDbM%3D"}};
  for (const auto& [sr, sig] : vectors) {
    const auto token =
        read_token("SharedAccessSignature sr=" + sr + "&sig=" + sig + "&se=1456971697");
    ASSERT_TRUE(token) << sr;
    EXPECT_TRUE(signed_by(*token, facts_key, KeyForm::decoded)) << sr;
    EXPECT_FALSE(signed_by(*token, facts_key, KeyForm::text)) << sr;
    EXPECT_EQ(token->host, "myhub.azure-devices.net");
    EXPECT_EQ(token->expiry, at(1456971697));
  }
  EXPECT_EQ(make_token("myhub.azure-devices.net/devices/device1", facts_key, KeyForm::decoded,
                       at(1456971697)),
            "SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fdevice1"
            "&sig=mCMoB8EpzPd2tOlYijEhPmnCKFuwbkzE7tH8oG6X0Qc%3D&se=1456971697");
}

TEST(Token, FieldsMayComeInAnyOrder) {
  const auto token = read_token(
      "SharedAccessSignature se=1456971697&skn=&other=x&sig=mCMoB8EpzPd2tOlYijEhPmnCKFuwbkzE7tH8oG6X0Qc%3D"
      "&sr=myhub.azure-devices.net%2Fdevices%2Fdevice1");
  ASSERT_TRUE(token);
  EXPECT_TRUE(signed_by(*token, facts_key, KeyForm::decoded));
  EXPECT_EQ(token->scope, "devices/device1");
  EXPECT_EQ(token->policy, "");
}

TEST(Token, ScopeIsThePathDecoded) {
  const auto scope = [](const string& sr) {
    const auto token = read_token("SharedAccessSignature sr=" + sr + "&sig=" +
                                  "mCMoB8EpzPd2tOlYijEhPmnCKFuwbkzE7tH8oG6X0Qc%3D&se=1");
    return token ? token->host + "|" + token->scope : "none";
  };
  EXPECT_EQ(scope("hub"), "hub|");
  EXPECT_EQ(scope("hub%2F"), "hub|");
  EXPECT_EQ(scope("localhost%3A8883%2fdevices%2Fd%2B1"), "localhost:8883|devices/d+1");
  EXPECT_EQ(scope("sb%3A%2F%2Fhub%3A5671%2Fname%2F%24management"), "hub:5671|name/$management");
  EXPECT_EQ(scope("%2Fdevices%2Fd1"), "none");
  EXPECT_EQ(scope(""), "none");
  EXPECT_EQ(scope("hub%2"), "none");
  EXPECT_EQ(scope("hub%zz"), "none");
}

TEST(Token, WhatIsNoTokenIsNotRead) {
  const string sig = "mCMoB8EpzPd2tOlYijEhPmnCKFuwbkzE7tH8oG6X0Qc%3D";
  for (const string& wrong :
       std::vector<string>{"", "SharedAccessSignature", "SharedAccessSignature ",
        "sr=h&sig=" + sig + "&se=1", "Bearer sr=h&sig=" + sig + "&se=1",
        "SharedAccessSignature sr=h&sig=" + sig, "SharedAccessSignature sr=h&se=1",
        "SharedAccessSignature sig=" + sig + "&se=1",
        "SharedAccessSignature sr=h&sig=" + sig + "&se=", "SharedAccessSignature sr=h&sig=" + sig + "&se=-1",
        "SharedAccessSignature sr=h&sig=" + sig + "&se=1.5", "SharedAccessSignature sr=h&sig=" + sig + "&se=1&se=2",
        "SharedAccessSignature sr=h&sr=h&sig=" + sig + "&se=1", "SharedAccessSignature sr=h&sig=short&se=1",
        "SharedAccessSignature sr=h&sig=&se=1", "SharedAccessSignature sr&sig=" + sig + "&se=1"})
    EXPECT_FALSE(read_token(wrong)) << wrong;
}

TEST(Token, AFarExpiryIsADateStill) {
  const auto token = read_token(
      "SharedAccessSignature sr=h&sig=mCMoB8EpzPd2tOlYijEhPmnCKFuwbkzE7tH8oG6X0Qc%3D&se=" + string(400, '9'));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->expiry, at(9'000'000'000));
}

RC_GTEST_PROP(Token, WhatWasMadeIsReadAndIsSignedByItsKeyOnly, ()) {
  const auto bytes = *rc::gen::container<Bytes>(24, rc::gen::arbitrary<std::uint8_t>());
  const auto other = *rc::gen::container<Bytes>(24, rc::gen::arbitrary<std::uint8_t>());
  const auto form = *rc::gen::element(KeyForm::decoded, KeyForm::text);
  const string path = *rc::gen::container<string>(rc::gen::element('a', 'B', '/', '%', '+', ' ', '&', '=', '$'));
  const string policy = *rc::gen::container<string>(rc::gen::element('a', '&', '=', '%'));
  const auto seconds = *rc::gen::inRange<std::int64_t>(0, 9'000'000'000);
  const string made = make_token("hub/x" + path + "x", to_base64(bytes), form, at(seconds), policy);
  const auto token = read_token(made);
  RC_ASSERT(token.has_value());
  RC_ASSERT(token->scope == "x" + path + "x");
  RC_ASSERT(token->policy == policy);
  RC_ASSERT(token->expiry == at(seconds));
  RC_ASSERT(signed_by(*token, to_base64(bytes), form));
  RC_ASSERT(bytes == other || !signed_by(*token, to_base64(other), form));
  Token changed = *token;
  const auto bit = *rc::gen::inRange<std::size_t>(0, 256);
  changed.signature[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  RC_ASSERT(!signed_by(changed, to_base64(bytes), form));
}

RC_GTEST_PROP(Token, AnyTextIsReadOrRefused, (const string& text)) {
  read_token(text);
  read_token("SharedAccessSignature " + text);
}

// Every token that the vendor's SDKs were seen to send, over any protocol, is signed by the key of
// the capture: devices and services with its decoded bytes, Event Hubs clients with its text.
TEST(Token, OfEveryCapturedRequestIsSignedByItsKey) {
  constexpr std::string_view scheme = "SharedAccessSignature ";
  string all;
  for (const auto& frame : golden::sdk().at("frames"))
    if (frame.at("from") == "sdk")
      all += string{text(golden::from_hex(frame.at("hex").get<string>()))} + '\n';
  for (const auto& request : golden::sdk().at("http"))
    for (const auto& header : request.at("headers")) all += header.at(1).get<string>() + '\n';

  std::map<string, int> kinds;
  for (std::size_t found = all.find(scheme); found != all.npos; found = all.find(scheme, found + 1)) {
    std::size_t end = found + scheme.size();
    while (end < all.size() && all[end] > ' ' && all[end] < 0x7f) ++end;
    const string text = all.substr(found, end - found);
    const auto token = read_token(text);
    ASSERT_TRUE(token) << text;
    const bool event_hubs = text.find("sr=sb%3A%2F%2F") != text.npos;
    const string owner = token->policy.empty() ? "device" : token->policy;
    const string key = golden::sdk().at("testKeys").at(owner).get<string>();
    EXPECT_TRUE(signed_by(*token, key, event_hubs ? KeyForm::text : KeyForm::decoded)) << text;
    EXPECT_FALSE(signed_by(*token, key, event_hubs ? KeyForm::decoded : KeyForm::text)) << text;
    EXPECT_EQ(token->host, "probehub.azure-devices.test");
    ++kinds[owner + (event_hubs ? " to event hubs" : "")];
  }
  EXPECT_EQ(kinds.size(), 3u);
  EXPECT_GE(kinds["device"], 6);
  EXPECT_GE(kinds["iothubowner"], 3);
  EXPECT_GE(kinds["iothubowner to event hubs"], 4);
}

TEST(Keys, AreSixteenToSixtyFourBytes) {
  EXPECT_TRUE(is_key(facts_key));
  EXPECT_TRUE(is_key(to_base64(Bytes(16))));
  EXPECT_TRUE(is_key(to_base64(Bytes(64))));
  EXPECT_FALSE(is_key(to_base64(Bytes(15))));
  EXPECT_FALSE(is_key(to_base64(Bytes(65))));
  EXPECT_FALSE(is_key("not base64"));
  EXPECT_NE(key_digest(facts_key), key_digest(to_base64(Bytes(16))));
  EXPECT_NE(key_digest(facts_key), 0u);
}

}  // namespace
}  // namespace hubproof::model
