#include "model/json.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "model/base64.hpp"
#include "model/iso_date.hpp"

namespace hubproof::model {
namespace {

TEST(ReadJson, GivesWhatIsThere) {
  const auto json = read_json(R"( {"a": [1, -2.50e1, "x\u00e4\n", true, null], "b": {"c": ""}, "b": 2} )");
  ASSERT_TRUE(json);
  const Json* list = json->find("a");
  ASSERT_TRUE(list && list->items.size() == 5);
  EXPECT_EQ(list->items[0].text, "1");
  EXPECT_EQ(list->items[1].text, "-2.50e1");  // its own text
  EXPECT_EQ(list->items[2].text, "x\xc3\xa4\n");
  EXPECT_TRUE(list->items[3].is(Json::Kind::boolean) && list->items[3].truth);
  EXPECT_TRUE(list->items[4].is(Json::Kind::null));
  EXPECT_EQ(json->find("b")->text, "2");  // the last counts
  EXPECT_EQ(json->find("c"), nullptr);
  EXPECT_EQ(list->find("a"), nullptr);
}

TEST(ReadJson, RefusesWhatIsNot) {
  for (const std::string_view bad :
       {"", " ", "{", "[1,]", "{\"a\" 1}", "{'a': 1}", "nul", "01", "[1] x", "\"\x01\"", "\"\xff\"", "\"\\ud800\"",
        "{\"a\": NaN}", "// c\n1", "[1e999]"})
    EXPECT_FALSE(read_json(bad)) << bad;
  EXPECT_TRUE(read_json(std::string(16, '[') + std::string(16, ']')));
  EXPECT_FALSE(read_json(std::string(17, '[') + std::string(17, ']')));
  std::string many = "[0";
  for (int i = 0; i < 70'000; ++i) many += ",0";
  EXPECT_FALSE(read_json(many + "]"));
}

RC_GTEST_PROP(WriteJsonText, IsReadAgain, ()) {
  std::string text;
  for (int n = *rc::gen::inRange(0, 12); n > 0; --n)
    text += *rc::gen::element<std::string>("a", "\"", "\\", "\n", "\x01", "\x1f", "/", "\xc3\xa4", std::string(1, '\0'));
  std::string out;
  write_json_text(out, text);
  const auto json = read_json(out);
  RC_ASSERT(json && json->is(Json::Kind::text));
  RC_ASSERT(json->text == text);
}

RC_GTEST_PROP(Base64, WhatIsWrittenIsRead, (const Bytes& bytes)) {
  RC_ASSERT(from_base64(to_base64(bytes)) == bytes);
}

TEST(Base64, IsTheOneOfTheStandard) {
  EXPECT_EQ(to_base64(view("")), "");
  EXPECT_EQ(to_base64(view("f")), "Zg==");
  EXPECT_EQ(to_base64(view("fo")), "Zm8=");
  EXPECT_EQ(to_base64(view("foobar")), "Zm9vYmFy");
  for (const char* bad : {"Z", "Zg", "Zg=", "Z===", "=Zg=", "Zg==Zg==", "Zm9 ", "Zm9v\n", "Zm-_"})
    EXPECT_FALSE(from_base64(bad)) << bad;
}

TEST(IsoDate, WrittenAndRead) {
  std::uint8_t room[longest_iso_date];
  const auto written = [&](std::int64_t at) {
    return std::string{text(View{room, put_iso_date(room, at)})};
  };
  EXPECT_EQ(written(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(written(1'795'429'143'722), "2026-11-23T10:19:03.722Z");
  EXPECT_EQ(read_iso_date("2026-11-23T10:19:03.722Z"), 1'795'429'143'722);
  EXPECT_EQ(read_iso_date("2026-11-23T11:19:03.7229999+01:00"), 1'795'429'143'722);
  EXPECT_FALSE(read_iso_date("2026-11-23T10:19:03"));
  EXPECT_EQ(nanoseconds_of(*read_iso_date("1969-12-31T23:59:59.999Z")), -1'000'000);
  EXPECT_LT(nanoseconds_of(*read_iso_date("1013-01-01T00:00:00Z")), nanoseconds_of(*read_iso_date("1700-01-01T00:00:00Z")));
  EXPECT_GT(nanoseconds_of(*read_iso_date("9999-12-31T23:59:59Z")), nanoseconds_of(*read_iso_date("2261-01-01T00:00:00Z")));
  EXPECT_FALSE(read_iso_date("2026-02-29T10:19:03Z"));
}

}  // namespace
}  // namespace hubproof::model
