// TLS on the hub's doors: its own authority and certificate, handshakes that come to nothing, and clients
// that know nothing of hubproof.
#include "tools/tls.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <utility>

#include "tests/serve/served.hpp"
#include "tools/asio_port.hpp"
#include "tools/certificates.hpp"

namespace hubproof::tests {
namespace {

using boost::asio::ip::tcp;
using model::ConnectionId;
using tools::Certificates;
using tools::Tls;
using tools::TlsContext;

const model::Date now{std::chrono::system_clock::now().time_since_epoch()};

Certificates issued(const std::string& directory, const std::vector<std::string>& names = {},
                    model::Date when = now) {
  std::string problem;
  const auto made = tools::certificates(directory, names, when, problem);
  EXPECT_TRUE(made) << problem;
  return made.value_or(Certificates{});
}

std::string problem_with(const std::string& directory, model::Date when = now) {
  std::string problem;
  EXPECT_FALSE(tools::certificates(directory, {}, when, problem));
  return problem;
}

// Two ends, with no network between them.
struct Pair {
  Pair(const TlsContext& server_context, const TlsContext& client_context, const std::string& name)
      : server{server_context}, client{client_context, name} {
    client.start();
    exchange();
  }
  void exchange() {
    for (bool moved = true; moved;) {
      moved = pass(client, server, heard_by_server);
      moved = pass(server, client, heard_by_client) || moved;
    }
  }
  bool pass(Tls& from, Tls& to, model::Bytes& plain) const {
    const model::Bytes bytes = std::exchange(from.outgoing(), {});
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      to.received(model::View{bytes}.subspan(at, std::min(piece, bytes.size() - at)), plain);
    return !bytes.empty();
  }
  Tls server;
  Tls client;
  std::size_t piece = 7;  // any split will do
  model::Bytes heard_by_server;
  model::Bytes heard_by_client;
};

struct Contexts {
  explicit Contexts(const Certificates& own, const Certificates& trusted, const Certificates* shown = nullptr) {
    std::string problem;
    server = TlsContext::server(own.certificate, own.key, own.authority, problem);
    client = TlsContext::client(trusted.authority, shown ? shown->certificate : "", shown ? shown->key : "", problem);
    EXPECT_TRUE(server && client) << problem;
  }
  std::unique_ptr<TlsContext> server;
  std::unique_ptr<TlsContext> client;
};

TEST(TlsMachine, CarriesBytesBothWaysAndSaysItsEnd) {
  const Folder folder;
  const Certificates own = issued(folder / "own");
  const Contexts contexts{own, own};
  for (const std::string name : {"localhost", "127.0.0.1", "::1", ""}) {
    Pair pair{*contexts.server, *contexts.client, name};
    ASSERT_EQ(pair.server.state(), Tls::State::open) << name << pair.server.problem() << pair.client.problem();
    ASSERT_EQ(pair.client.state(), Tls::State::open) << name;
    EXPECT_FALSE(pair.server.certificate());
    const model::Bytes much(100'000, 'x');
    pair.client.send(much);
    pair.server.send(model::view("short"));
    pair.piece = 4096;
    pair.exchange();
    EXPECT_EQ(pair.heard_by_server, much);
    EXPECT_EQ(model::text(pair.heard_by_client), "short");
    pair.client.close();
    pair.exchange();
    EXPECT_EQ(pair.server.state(), Tls::State::ended);
    pair.server.send(model::view("last"));  // the other direction is open still
    pair.exchange();
    EXPECT_EQ(model::text(pair.heard_by_client), "shortlast");
  }
}

TEST(TlsMachine, AClientRefusesAnotherAuthorityAndAnotherName) {
  const Folder folder;
  const Certificates own = issued(folder / "own", {"hub.example"});
  const Contexts strangers{own, issued(folder / "other")};
  const Pair distrusted{*strangers.server, *strangers.client, "localhost"};
  EXPECT_EQ(distrusted.client.state(), Tls::State::failed);
  EXPECT_EQ(distrusted.server.state(), Tls::State::failed);
  EXPECT_NE(distrusted.server.problem().find("unknown ca"), std::string::npos) << distrusted.server.problem();
  const Contexts friends{own, own};
  EXPECT_EQ((Pair{*friends.server, *friends.client, "hub.example"}).client.state(), Tls::State::open);
  EXPECT_EQ((Pair{*friends.server, *friends.client, "else.example"}).client.state(), Tls::State::failed);
  EXPECT_EQ((Pair{*friends.server, *friends.client, "127.0.0.2"}).client.state(), Tls::State::failed);
}

TEST(TlsMachine, TellsOfAClientsCertificate) {
  const Folder folder;
  const Certificates own = issued(folder / "own");
  const Certificates stranger = issued(folder / "stranger");
  const Contexts known{own, own, &own};
  const Pair with_own{*known.server, *known.client, "localhost"};
  const auto shown = with_own.server.certificate();
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->common_name, "localhost");
  EXPECT_EQ(shown->sha1.size(), 40U);
  EXPECT_EQ(shown->sha256.size(), 64U);
  const Contexts unknown{own, own, &stranger};
  const Pair with_strange{*unknown.server, *unknown.client, "localhost"};
  ASSERT_EQ(with_strange.server.state(), Tls::State::open);  // let in: its thumbprint may be known
  ASSERT_TRUE(with_strange.server.certificate());
  EXPECT_FALSE(with_strange.server.certificate()->authority);
  EXPECT_NE(with_strange.server.certificate()->sha256, shown->sha256);
}

// Whatever is changed on its way is noticed, and no input breaks it.
TEST(TlsMachine, DamagedBytesAreTheEndOfIt) {
  const Folder folder;
  const Certificates own = issued(folder / "own");
  const Contexts contexts{own, own};
  std::uint32_t state = 1;
  const auto draw = [&state](std::size_t bound) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % bound;
  };
  for (int i = 0; i < 300; ++i) {
    Pair pair{*contexts.server, *contexts.client, "localhost"};
    pair.client.send(model::view("a message that must not be changed"));
    model::Bytes bytes = std::exchange(pair.client.outgoing(), {});
    bytes[draw(bytes.size())] ^= static_cast<std::uint8_t>(1 + draw(255));
    model::Bytes plain;
    pair.server.received(bytes, plain);
    EXPECT_TRUE(plain.empty() || model::text(plain) == "a message that must not be changed");
    EXPECT_NE(pair.server.state(), Tls::State::greeting);
  }
  Tls fresh{*contexts.client, "localhost"};
  fresh.start();
  const model::Bytes hello = std::exchange(fresh.outgoing(), {});
  for (int i = 0; i < 2000; ++i) {
    model::Bytes bytes = hello;
    for (std::size_t n = 1 + draw(4); n > 0; --n) bytes[draw(bytes.size())] = static_cast<std::uint8_t>(draw(256));
    bytes.resize(1 + draw(bytes.size()));
    Tls server{*contexts.server};
    model::Bytes plain;
    server.received(bytes, plain);
    EXPECT_TRUE(plain.empty());
  }
}

// ---- Certificates.

TEST(Certificates, AreMadeOnceAndKept) {
  const Folder folder;
  const Certificates first = issued(folder / "made");
  EXPECT_EQ(first.remarks.size(), 1U);
  EXPECT_EQ(first.file, folder / "made/ca.pem");
  const Certificates second = issued(folder / "made");
  EXPECT_TRUE(second.remarks.empty());
  EXPECT_EQ(first.authority, second.authority);
  EXPECT_EQ(first.certificate, second.certificate);
  EXPECT_EQ(first.key, second.key);
  for (const char* name : {"ca-key.pem", "server-key.pem"}) {
    struct stat about {};
    ASSERT_EQ(::stat((folder / ("made/" + std::string{name})).c_str(), &about), 0) << name;
    EXPECT_EQ(about.st_mode & 0777, 0600U) << name;
  }
}

TEST(Certificates, ThatOfTheDoorsIsRenewedBeforeItEnds) {
  const Folder folder;
  const Certificates first = issued(folder / "made");
  const auto later = [](int days) { return now + std::chrono::days{days}; };
  EXPECT_EQ(issued(folder / "made", {}, later(330)).certificate, first.certificate);
  const Certificates renewed = issued(folder / "made", {}, later(340));
  EXPECT_NE(renewed.certificate, first.certificate);
  EXPECT_EQ(renewed.authority, first.authority);
  ASSERT_EQ(renewed.remarks.size(), 1U);
  EXPECT_NE(renewed.remarks[0].find("would have ended"), std::string::npos) << renewed.remarks[0];
  // The authority's own end is said, and then it is too late.
  const Certificates old = issued(folder / "made", {}, later(3630));
  EXPECT_NE(old.remarks.front().find("new ca.pem to all clients"), std::string::npos);
  EXPECT_EQ(issued(folder / "made", {}, later(3640)).certificate, old.certificate);
  const std::string problem = problem_with(folder / "made", later(3660));
  EXPECT_NE(problem.find("ended"), std::string::npos) << problem;
  EXPECT_NE(problem.find("move"), std::string::npos) << problem;
}

TEST(Certificates, ANewNameMakesANewOne) {
  const Folder folder;
  const Certificates first = issued(folder / "made", {"a.example"});
  EXPECT_EQ(issued(folder / "made", {"a.example", "localhost"}).certificate, first.certificate);
  EXPECT_EQ(issued(folder / "made").certificate, first.certificate);  // one name less is no reason
  EXPECT_NE(issued(folder / "made", {"192.0.2.7", "*.b.example"}).certificate, first.certificate);
  EXPECT_TRUE(issued(folder / "made", {"192.0.2.7", "*.b.example"}).remarks.empty());
}

TEST(Certificates, WhatCannotBeUsedIsNamed) {
  const Folder folder;
  const auto spoiled = [&](const char* file, const std::string& text) {
    const std::string directory = folder / "spoiled";
    std::filesystem::remove_all(directory);
    issued(directory);
    if (text == "gone") {
      std::filesystem::remove(directory + "/" + file);
    } else {
      write_file(directory + "/" + file, text);
    }
    return directory;
  };
  for (const std::string text : {"", "not PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "gone"}) {
    const std::string problem = problem_with(spoiled("ca.pem", text));
    EXPECT_NE(problem.find("ca.pem"), std::string::npos) << problem;
    EXPECT_NE(problem.find("move"), std::string::npos) << problem;
    // Those of the doors can be made again.
    EXPECT_EQ(issued(spoiled("server.pem", text)).remarks.size(), text == "gone" ? 0U : 1U);
    EXPECT_EQ(issued(spoiled("server-key.pem", text)).remarks.size(), 1U);
    // The authority's key is needed only then.
    const std::string without_key = spoiled("ca-key.pem", text);
    EXPECT_TRUE(issued(without_key).remarks.empty());
    std::filesystem::remove(without_key + "/server.pem");
    EXPECT_NE(problem_with(without_key).find("ca-key.pem"), std::string::npos);
  }
  write_file(folder / "file", "in the way");
  EXPECT_NE(problem_with(folder / "file").find(folder / "file"), std::string::npos);
  EXPECT_NE(problem_with("/proc/hubproof").find("/proc/hubproof"), std::string::npos);
}

TEST(Certificates, KnowWhatIsAName) {
  for (const char* name : {"localhost", "a.example", "*.a.example", "192.0.2.7", "::1", "my_hub"})
    EXPECT_TRUE(tools::is_certificate_name(name)) << name;
  for (const std::string name : {"", ".", "a..b", "a b", "a,DNS:b", "a;b", "*.", "*", "http://a"})
    EXPECT_FALSE(tools::is_certificate_name(name)) << name;
  EXPECT_FALSE(tools::is_certificate_name(std::string(254, 'a')));
}

// ---- Connections. Both ends are of one port: names from 7000 on are the client's.

struct Owner final : tools::PortUser {
  void accepted(ConnectionId connection, std::size_t) override { ids.push_back(connection); }
  void connected(ConnectionId) override { ++greeted; }
  void refused(ConnectionId) override { ++refusals; }
  void received(ConnectionId connection, model::View bytes) override {
    (static_cast<unsigned>(connection) < 7000 ? heard : heard_back) += model::text(bytes);
  }
  void ended(ConnectionId, model::EndedBy by) override { ends.push_back(by); }
  void woken() override {}
  void not_accepted(std::size_t door, const std::string& why) override {
    EXPECT_EQ(door, 5U);
    failures.push_back(why);
  }
  std::vector<ConnectionId> ids;
  std::vector<model::EndedBy> ends;
  std::vector<std::string> failures;
  std::string heard;
  std::string heard_back;
  int greeted = 0;
  int refusals = 0;
};

class TlsPort : public testing::Test {
 protected:
  TlsPort() {
    tcp::acceptor acceptor{context_, {boost::asio::ip::address_v4::loopback(), 0}};
    number_ = acceptor.local_endpoint().port();
    port_.listen(std::move(acceptor), 5, contexts_.server.get());
  }
  template <class F>
  bool until(F is_so) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!is_so() && std::chrono::steady_clock::now() < end) context_.run_one_for(10ms);
    return is_so();
  }
  void call(const TlsContext& how, const std::string& name = "localhost") {
    port_.connect(client_, {boost::asio::ip::address_v4::loopback(), number_}, &how, name);
  }

  const Folder folder_;
  const Certificates own_ = issued(folder_ / "own");
  const Contexts contexts_{own_, own_, &own_};
  boost::asio::io_context context_;
  Owner owner_;
  const ConnectionId client_{7000};
  tools::PortLimits limits_{1u << 20, 10s, 10ms, 300ms, 300ms, 64u << 10, 16u << 20, 64u << 20};
  tools::AsioPort<tools::RealNet> port_{context_, owner_, limits_};
  std::uint16_t number_ = 0;
};

TEST_F(TlsPort, CarriesBytesAndEndsInGoodOrder) {
  call(*contexts_.client);
  ASSERT_TRUE(until([&] { return !owner_.ids.empty() && owner_.greeted == 1; }));
  const ConnectionId server = owner_.ids[0];
  ASSERT_TRUE(port_.certificate(server));
  EXPECT_EQ(port_.certificate(server)->common_name, "localhost");
  const std::string much(700'000, 'y');
  port_.send(client_, model::view("first "));
  port_.send(client_, model::view("second"));
  port_.send(server, model::view(much));
  EXPECT_TRUE(until([&] { return owner_.heard == "first second" && owner_.heard_back.size() == much.size(); }));
  port_.send(server, model::view("last"));
  port_.close(server);  // what was sent before arrives, and then the end
  EXPECT_TRUE(until([&] { return !owner_.ends.empty(); }));
  EXPECT_EQ(owner_.ends, std::vector{model::EndedBy::peer});
  EXPECT_EQ(owner_.heard_back, much + "last");
  EXPECT_TRUE(owner_.failures.empty());
}

TEST_F(TlsPort, AClientThatDoesNotTrustItIsToldOf) {
  const Contexts strangers{own_, issued(folder_ / "other")};
  call(*strangers.client);
  EXPECT_TRUE(until([&] { return owner_.refusals == 1 && owner_.failures.size() == 1; }));
  EXPECT_NE(owner_.failures[0].find("unknown ca"), std::string::npos) << owner_.failures[0];
  EXPECT_TRUE(owner_.ids.empty());
}

TEST_F(TlsPort, HalfAHandshakeIsCutInTimeAndHoldsUpNobody) {
  Tls half{*contexts_.client, "localhost"};
  half.start();
  const std::string hello{model::text(half.outgoing())};
  Socket silent{number_}, slow{number_};
  slow.send(hello.substr(0, hello.size() / 2));
  call(*contexts_.client);
  EXPECT_TRUE(until([&] { return owner_.greeted == 1; }));
  EXPECT_TRUE(until([&] { return owner_.failures.size() == 2; }));
  for (const std::string& why : owner_.failures) EXPECT_NE(why.find("too long"), std::string::npos) << why;
  std::string said;
  std::thread reader{[&] { said = silent.receive_all() + slow.receive_all(); }};
  reader.join();
  EXPECT_EQ(said, "");
  port_.send(client_, model::view("still here"));
  EXPECT_TRUE(until([&] { return owner_.heard == "still here"; }));
  EXPECT_TRUE(owner_.ends.empty());
}

TEST_F(TlsPort, PlainBytesAreNoHandshake) {
  Socket plain{number_};
  plain.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(until([&] { return owner_.failures.size() == 1; }));
  EXPECT_NE(owner_.failures[0].find("http request"), std::string::npos) << owner_.failures[0];
  Socket gone{number_};
  gone.end_of_sending();
  EXPECT_TRUE(until([&] { return owner_.failures.size() == 2; }));
  EXPECT_NE(owner_.failures[1].find("left"), std::string::npos) << owner_.failures[1];
}

TEST_F(TlsPort, APeerThatDoesNotReadIsCut) {
  Socket peer{number_};
  Tls tls{*contexts_.client, "localhost"};
  tls.start();
  std::thread greeter{[&] {
    model::Bytes plain;
    while (tls.state() == Tls::State::greeting) {
      peer.send(model::text(std::exchange(tls.outgoing(), {})));
      tls.received(model::view(peer.receive()), plain);
    }
    peer.send(model::text(std::exchange(tls.outgoing(), {})));
  }};
  ASSERT_TRUE(until([&] { return !owner_.ids.empty(); }));
  greeter.join();
  const model::Bytes block(256u << 10, 'x');
  for (int i = 0; i < 400 && owner_.ends.empty(); ++i) {
    port_.send(owner_.ids[0], block);
    context_.poll();
  }
  EXPECT_TRUE(until([&] { return !owner_.ends.empty(); }));
  EXPECT_EQ(owner_.ends, std::vector{model::EndedBy::local});
}

// ---- `serve`, and clients of others.

struct TlsServed {
  explicit TlsServed(const Folder& folder, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--listen", "mqtts=127.0.0.1:0", "--control", "127.0.0.1:0", "--devices", "dev1"});
    hub = std::make_unique<Served>(folder / "hub", more);
    port = hub->port("listening mqtts=127.0.0.1:");
  }
  std::vector<std::string> client(const std::string& program, const std::string& authority,
                                  std::vector<std::string> more) const {
    auto command = mosquitto(program, "dev1", port, std::move(more));
    command.insert(command.end(), {"--cafile", authority});
    return command;
  }
  std::unique_ptr<Served> hub;
  std::uint16_t port = 0;
};

TEST(ServeTls, MosquittosClientsSendAndReceive) {
  const Folder folder;
  const TlsServed served{folder, {"--store", folder / "store"}};
  const std::string authority = folder / "store/ca.pem";
  const std::string out = served.hub->process().out();
  EXPECT_NE(out.find("device HostName=localhost:" + std::to_string(served.port) + ";DeviceId=dev1;"), std::string::npos)
      << out;
  for (const char* version : {"tlsv1.2", "tlsv1.3"}) {
    Process pub{served.client("mosquitto_pub", authority,
                              {"-t", "devices/dev1/messages/events/", "-m", version, "--tls-version", version}),
                folder / "pub"};
    ASSERT_EQ(pub.wait(), 0) << pub.err();
  }
  std::set<std::string> bodies;
  for (const Json& event : served.hub->telemetry()) bodies.insert(event["message"]["body"]);
  EXPECT_EQ(bodies, (std::set<std::string>{"tlsv1.2", "tlsv1.3"}));
  Process sub{served.client("mosquitto_sub", authority, {"-t", "devices/dev1/messages/devicebound/#", "-C", "1"}),
              folder / "sub"};
  EXPECT_EQ(served.hub->ask("POST", "/devices/dev1/commands", R"({"body": "open"})").status, 201);
  EXPECT_EQ(sub.wait(), 0) << sub.err();
  EXPECT_EQ(sub.out(), "open\n");
}

// curl over https, and what OpenSSL's own client says and hears: a request typed into it, of either
// version of TLS; the version before them is refused.
TEST(ServeTls, CurlAndOpensslsClientAsk) {
  const Folder folder;
  const Served hub{folder / "hub", {"--listen", "https=127.0.0.1:0,mqtts=127.0.0.1:0", "--control", "127.0.0.1:0",
                                    "--devices", "dev1", "--store", folder / "store"}};
  ASSERT_TRUE(hub.ready());
  const std::string port = std::to_string(hub.port("listening https=127.0.0.1:"));
  const std::string authority = folder / "store/ca.pem";
  const std::string path = "/devices/dev1/messages/events?api-version=2021-04-12";
  Process curl{{"curl", "--silent", "--show-error", "--max-time", "20", "--cacert", authority, "--data", "by curl",
                "--write-out", "%{http_code} %{ssl_verify_result}", "https://localhost:" + port + path}, folder / "curl"};
  EXPECT_EQ(curl.wait(), 0) << curl.err();
  EXPECT_EQ(curl.out(), "204 0");
  Process stranger{{"curl", "--silent", "--max-time", "20", "https://localhost:" + port + path}, folder / "stranger"};
  EXPECT_EQ(stranger.wait(), 60);  // it does not know the authority

  const auto openssl = [&](const std::string& version) {
    write_file(folder / "typed", "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
                                     std::to_string(version.size()) + "\r\n\r\n" + version);
    Process client{{"openssl", "s_client", "-connect", "127.0.0.1:" + port, "-CAfile", authority, "-verify_return_error",
                    "-verify_hostname", "localhost", "-servername", "localhost", "-quiet", "-ign_eof",
                    "-" + version},
                   folder / version, folder / "typed"};
    EXPECT_TRUE(client.wait()) << version;
    return client.out();
  };
  EXPECT_TRUE(openssl("tls1_2").starts_with("HTTP/1.1 204")) << read_file(folder / "tls1_2.err");
  EXPECT_TRUE(openssl("tls1_3").starts_with("HTTP/1.1 204")) << read_file(folder / "tls1_3.err");
  EXPECT_EQ(openssl("tls1_1"), "");
  std::set<std::string> bodies;
  for (const Json& event : hub.telemetry()) bodies.insert(event["message"]["body"]);
  EXPECT_EQ(bodies, (std::set<std::string>{"by curl", "tls1_2", "tls1_3"}));
}

TEST(ServeTls, AnotherAuthorityIsRefusedByTheClientAndToldOf) {
  const Folder folder;
  issued(folder / "other");
  const TlsServed served{folder, {"--store", folder / "store"}};
  Process pub{served.client("mosquitto_pub", folder / "other/ca.pem", {"-t", "devices/dev1/messages/events/", "-m", "x"}),
              folder / "pub"};
  EXPECT_NE(pub.wait(), 0);
  EXPECT_TRUE(eventually([&] {
    return served.hub->process().err().find("give it the authority's file") != std::string::npos;
  })) << served.hub->process().err();
  EXPECT_TRUE(served.hub->telemetry().empty());
}

TEST(ServeTls, WithoutAStoreTheAuthorityLiesInANamedPlaceThatGoesWithIt) {
  const Folder folder;
  std::string authority;
  {
    const TlsServed served{folder, {"--names", "hub.example,192.0.2.7"}};
    const std::string err = served.hub->process().err();
    const std::size_t at = err.find("to trust ");
    ASSERT_NE(at, std::string::npos) << err;
    authority = err.substr(at + 9, err.find('\n', at) - at - 9);
    Process pub{served.client("mosquitto_pub", authority, {"-t", "devices/dev1/messages/events/", "-m", "x"}),
                folder / "pub"};
    EXPECT_EQ(pub.wait(), 0) << pub.err();
    served.hub->process().signal(SIGTERM);
    EXPECT_EQ(served.hub->process().wait(), 0);
  }
  EXPECT_FALSE(std::filesystem::exists(authority)) << authority;
  const TlsServed elsewhere{folder, {"--tls", folder / "tls"}};
  EXPECT_TRUE(std::filesystem::exists(folder / "tls/ca.pem"));
}

TEST(ServeTls, RefusesWhatItCannotUse) {
  const Folder folder;
  const auto refusal = [&](const std::vector<std::string>& options, int code) {
    Process process{Served::command(options), folder / "serve"};
    EXPECT_EQ(process.wait(), code) << process.err();
    return process.err();
  };
  issued(folder / "tls");
  write_file(folder / "tls/ca.pem", "no PEM");
  EXPECT_NE(refusal({"--listen", "mqtts=127.0.0.1:0", "--tls", folder / "tls"}, 73).find("tls/ca.pem"),
            std::string::npos);
  EXPECT_NE(refusal({"--listen", "mqtts=127.0.0.1:0", "--names", "a b"}, 64).find("--names a b"), std::string::npos);
}

}  // namespace
}  // namespace hubproof::tests
