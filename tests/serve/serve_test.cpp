// `hubproof serve` from outside: what it prints, what mosquitto's clients get from it, what it
// keeps, and how it refuses.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>

#include "model/hub/token.hpp"
#include "tests/serve/served.hpp"

namespace hubproof::tests {
namespace {

const std::vector<std::string> any_doors{"--listen", "mqtt=127.0.0.1:0", "--control",
                                         "127.0.0.1:0"};

std::vector<std::string> doors_and(std::vector<std::string> more) {
  more.insert(more.begin(), any_doors.begin(), any_doors.end());
  return more;
}

TEST(Serve, PrintsItsDoorsAndConnectionStrings) {
  const Folder folder;
  Served hub{folder / "hub", doors_and({"--devices", "dev1,dev2"})};
  const std::string port = std::to_string(hub.mqtt());
  const std::string out = hub.process().out();
  EXPECT_NE(out.find("listening mqtt=127.0.0.1:" + port + "\n"), std::string::npos) << out;
  for (const std::string id : {"dev1", "dev2"})
    EXPECT_NE(out.find("device HostName=127.0.0.1:" + port + ";DeviceId=" + id +
                       ";SharedAccessKey="),
              std::string::npos)
        << out;
  EXPECT_TRUE(eventually([&] {
    return hub.process().err().find("nobody is asked for credentials") != std::string::npos &&
           hub.process().err().find("kept in memory") != std::string::npos;
  })) << hub.process().err();
  hub.process().signal(SIGTERM);
  EXPECT_EQ(hub.process().wait(), 0);
}

TEST(Serve, PrintsAConnectionStringForEachEndpoint) {
  const Folder folder;
  write_file(folder / "routes.json", R"({"endpoints": ["alerts"], "routes": [
    {"name": "hot", "condition": "heat = 'high'", "endpoint": "alerts"}]})");
  Served hub{folder / "hub", {"--listen", "mqtt=127.0.0.1:0,amqp=127.0.0.1:0", "--control", "127.0.0.1:0", "--routes", folder / "routes.json"}};
  const std::string host = "127.0.0.1:" + std::to_string(hub.port("listening amqp=127.0.0.1:"));
  const std::string out = hub.process().out();
  EXPECT_NE(out.find("service HostName=" + host + ";SharedAccessKeyName=iothubowner;"), std::string::npos) << out;
  std::size_t at = 0;
  for (const std::string path : {"127", "alerts"}) {  // the built-in one is called as the host is
    at = out.find("events Endpoint=sb://" + host + "/;SharedAccessKeyName=iothubowner;SharedAccessKey=", at);
    ASSERT_NE(at, std::string::npos) << out;
    const std::string line = out.substr(at, out.find('\n', at) - at);
    EXPECT_TRUE(line.ends_with(";EntityPath=" + path)) << line;
    at += line.size();
  }
}

// The connection string's key opens the door, and nothing else does; after a restart it still does.
TEST(Serve, AsksForTokens) {
  const Folder folder;
  std::string key;
  for (const std::string life : {"first", "second"}) {
    Served hub{folder / ("hub-" + life),
               doors_and({Served::verifying, "--devices", "dev1,dev2", "--store", folder / "store"})};
    ASSERT_TRUE(hub.ready());
    const std::string out = hub.process().out();
    const std::string before = ";DeviceId=dev1;SharedAccessKey=";
    const std::size_t at = out.find(before) + before.size();
    ASSERT_LT(at, out.size()) << out;
    const std::string shown = out.substr(at, out.find('\n', at) - at);
    EXPECT_TRUE(key.empty() || key == shown) << "it is kept in the store";
    key = shown;
    EXPECT_NE(out.find(";SharedAccessKeyName=iothubowner;SharedAccessKey="), std::string::npos) << out;

    const auto expiry = [](std::chrono::seconds after) {
      return model::Date{std::chrono::duration_cast<model::Duration>(
          std::chrono::system_clock::now().time_since_epoch() + after)};
    };
    const auto publishes = [&](const std::string& id, const std::string& password) {
      std::vector<std::string> more{"-t", "devices/" + id + "/messages/events/", "-m", "x"};
      if (!password.empty()) more.insert(more.end(), {"-P", password});
      Process pub{mosquitto("mosquitto_pub", id, hub.mqtt(), more), folder / "pub"};
      return pub.wait() == 0;
    };
    const auto token = [&](const std::string& id, const std::string& with, std::chrono::seconds life_of) {
      return model::make_token("localhost/devices/" + id, with, model::KeyForm::decoded, expiry(life_of));
    };
    using namespace std::chrono_literals;
    EXPECT_TRUE(publishes("dev1", token("dev1", key, 1h)));
    EXPECT_FALSE(publishes("dev1", {}));
    EXPECT_FALSE(publishes("dev1", token("dev1", key, -1h)));
    EXPECT_FALSE(publishes("dev2", token("dev1", key, 1h)));
    EXPECT_FALSE(publishes("dev1", token("dev1", "bm90LWxvb2tlZC1hdA==", 1h)));
    hub.process().signal(SIGTERM);
    EXPECT_EQ(hub.process().wait(), 0);
  }
}

TEST(Serve, TelemetryArrivesWithItsProperties) {
  const Folder folder;
  Served hub{folder / "hub", doors_and({"--devices", "dev1"})};
  Process pub{mosquitto("mosquitto_pub", "dev1", hub.mqtt(),
                        {"-t",
                         "devices/dev1/messages/events/"
                         "temperature=21%2E5&%24.mid=m%2F1&%24.ct=text%2Fplain&empty=&null",
                         "-m", "hello"}),
              folder / "pub"};
  ASSERT_EQ(pub.wait(), 0) << pub.err();
  const std::vector<Json> log = hub.telemetry();
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0]["device"], "dev1");
  EXPECT_EQ(log[0]["sequence"], 1);
  EXPECT_EQ(log[0]["message"], Json::parse(R"({
    "messageId": "m/1", "contentType": "text/plain", "body": "hello",
    "properties": {"temperature": "21.5", "empty": "", "null": null}})"));
}

TEST(Serve, CommandsReachASubscriberAndFeedbackComesBack) {
  const Folder folder;
  Served hub{folder / "hub", doors_and({"--devices", "dev1"})};
  Process sub{mosquitto("mosquitto_sub", "dev1", hub.mqtt(),
                        {"-t", "devices/dev1/messages/devicebound/#", "-v", "-C", "1"}),
              folder / "sub"};
  const HttpAnswer sent = hub.ask("POST", "/devices/dev1/commands",
                                  R"({"body": "open", "messageId": "c-1", "ack": "full",
                                      "ttl": "90s", "properties": {"valve": "7 b"}})");
  EXPECT_EQ(sent.status, 201) << sent.text;
  EXPECT_EQ(sent.json()["sequence"], 1);
  ASSERT_EQ(sub.wait(), 0) << sub.err();
  const std::string got = sub.out();
  EXPECT_TRUE(got.starts_with("devices/dev1/messages/devicebound/")) << got;
  EXPECT_NE(got.find("%24.mid=c-1"), std::string::npos) << got;
  EXPECT_NE(got.find("valve=7%20b"), std::string::npos) << got;
  EXPECT_TRUE(got.ends_with(" open\n")) << got;

  const Json feedback = hub.ask("GET", "/feedback?wait=10s").json();
  ASSERT_EQ(feedback["records"].size(), 1U) << feedback.dump();
  EXPECT_EQ(feedback["records"][0]["originalMessageId"], "c-1");
  EXPECT_EQ(feedback["records"][0]["statusCode"], "Success");
  const std::string token = feedback["token"];
  EXPECT_EQ(hub.ask("DELETE", "/feedback/" + token).status, 200);
  EXPECT_EQ(hub.ask("DELETE", "/feedback/" + token).status, 412);
  EXPECT_EQ(hub.ask("GET", "/feedback").status, 204);
}

TEST(Serve, UnknownDevicesAreRefused) {
  const Folder folder;
  Served hub{folder / "hub", doors_and({"--devices", "dev1"})};
  Process pub{mosquitto("mosquitto_pub", "dev2", hub.mqtt(),
                        {"-t", "devices/dev2/messages/events/", "-m", "hello"}),
              folder / "pub"};
  EXPECT_EQ(pub.wait(), 5) << pub.err();
}

TEST(Serve, TheStoreOutlivesTheProcess) {
  const Folder folder;
  const std::vector<std::string> options =
      doors_and({"--store", folder / "store", "--devices", "dev1"});
  {
    Served hub{folder / "hub", options};
    Process pub{mosquitto("mosquitto_pub", "dev1", hub.mqtt(),
                          {"-t", "devices/dev1/messages/events/", "-m", "kept"}),
                folder / "pub"};
    ASSERT_EQ(pub.wait(), 0) << pub.err();
    EXPECT_EQ(hub.ask("POST", "/devices/dev1/commands", R"({"body": "waits"})").status, 201);
    hub.process().signal(SIGINT);
    EXPECT_EQ(hub.process().wait(), 0);
  }
  Served hub{folder / "again", options};  // --devices finds the registration and leaves it
  const std::vector<Json> log = hub.telemetry();
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0]["message"]["body"], "kept");
  EXPECT_EQ(hub.ask("GET", "/devices/dev1/commands").json()["message"]["body"], "waits");
}

// Where in the store, as a path: the file that holds these words.
std::string file_with(const std::string& store, const std::string& words) {
  for (const auto& entry : std::filesystem::directory_iterator{store})
    if (entry.path().extension() == ".hpj" && read_file(entry.path()).find(words) != std::string::npos)
      return entry.path();
  ADD_FAILURE() << "no file of " << store << " holds " << words;
  return {};
}

TEST(Serve, SaysWhatADamagedStoreCannotGiveBackAndKeepsIt) {
  const Folder folder;
  const std::string store = folder / "store";
  const std::vector<std::string> options = doors_and({"--store", store, "--devices", "dev1"});
  const auto send = [&](Served& hub, const std::string& body) {
    Process pub{mosquitto("mosquitto_pub", "dev1", hub.mqtt(),
                          {"-t", "devices/dev1/messages/events/", "-m", body}),
                folder / "pub"};
    EXPECT_EQ(pub.wait(), 0) << pub.err();
  };
  {
    Served hub{folder / "hub", options};
    for (const char* body : {"first-words", "second-words", "third-words"}) send(hub, body);
    hub.process().signal(SIGKILL);
    hub.process().wait();
  }
  const std::string damaged = file_with(store, "second-words");
  std::string bytes = read_file(damaged);
  bytes[bytes.find("second-words")] ^= 1;
  std::ofstream{damaged, std::ios::binary} << bytes;
  {
    Served hub{folder / "again", options};
    ASSERT_EQ(hub.telemetry().size(), 1U);
    EXPECT_NE(hub.process().err().find(damaged + ", byte "), std::string::npos) << hub.process().err();
    EXPECT_NE(hub.process().err().find("may be missing"), std::string::npos) << hub.process().err();
    EXPECT_EQ(read_file(damaged + ".damaged"), bytes);
    send(hub, "fourth-words");
    hub.process().signal(SIGKILL);
    hub.process().wait();
  }
  // Half a record at the end is what a crash leaves; it is named, too.
  const std::string torn = file_with(store, "fourth-words");
  std::ofstream{torn, std::ios::binary | std::ios::app} << std::string("\x12\x34\x56\x78\x00\x00\x01\x00half", 12);
  Served hub{folder / "third", options};
  EXPECT_EQ(hub.telemetry().size(), 2U);
  EXPECT_NE(hub.process().err().find("the last 12 bytes are no whole record"), std::string::npos)
      << hub.process().err();
  EXPECT_TRUE(read_file(torn + ".damaged").ends_with("half"));
}

// Whatever became of its one file: it is said, and what was there is kept under a name of its own.
TEST(Serve, AStoreThatIsLostIsSaidToBe) {
  const Folder folder;
  const std::string store = folder / "store";
  const std::vector<std::string> options = doors_and({"--store", store, "--devices", "dev1"});
  for (int life = 0; life < 2; ++life) {  // the first segment of all may be torn; this is a later one
    Served hub{folder / "hub", options};
    hub.process().signal(SIGKILL);
    hub.process().wait();
  }
  const std::string file = file_with(store, "dev1");
  const std::string whole = read_file(file);
  std::string flipped = whole;
  flipped[flipped.find("dev1")] ^= 1;
  const std::vector<std::pair<std::string, std::string>> cases{
      {flipped, "no snapshot in this store is whole"},
      {whole.substr(0, whole.size() / 2), "no snapshot in this store is whole"},
      {std::string(whole.size(), '\0'), "no snapshot in this store is whole"},
      {"", "no snapshot in this store is whole"},
  };
  // The first segment of all, damaged with whole records behind, is no torn beginning either.
  {
    std::filesystem::remove_all(store);
    { Served hub{folder / "first", options}; hub.process().signal(SIGKILL); hub.process().wait(); }
    const std::string first = file_with(store, "dev1");
    std::string bytes = read_file(first);
    bytes[8] ^= 1;
    std::ofstream{first, std::ios::binary} << bytes;
    Served hub{folder / "second", options};
    EXPECT_NE(hub.process().err().find("what was acknowledged is missing"), std::string::npos) << hub.process().err();
  }
  for (const auto& [bytes, words] : cases) {
    std::filesystem::remove_all(store);
    std::filesystem::create_directory(store);
    std::ofstream{file, std::ios::binary} << bytes;
    std::ofstream{file + ".damaged", std::ios::binary} << "of another day";
    Served hub{folder / "again", options};
    EXPECT_NE(hub.process().err().find(words), std::string::npos) << hub.process().err();
    EXPECT_EQ(read_file(file + ".damaged"), "of another day");
    if (!bytes.empty()) {
      EXPECT_NE(hub.process().err().find(file + ".damaged.2"), std::string::npos) << hub.process().err();
      EXPECT_EQ(read_file(file + ".damaged.2"), bytes);
    }
  }
}

TEST(Serve, ItsHistoryCanBeJudged) {
  const Folder folder;
  const std::string history = folder / "history.jsonl";
  std::optional<int> judged;
  {
    Served hub{folder / "hub", doors_and({"--devices", "dev1", "--history", history})};
    EXPECT_EQ(hub.ask("PUT", "/devices/dev2").status, 201);  // joins when the file is begun
    for (const std::string id : {"dev1", "dev2"}) {
      Process sub{mosquitto("mosquitto_sub", id, hub.mqtt(),
                            {"-t", "devices/" + id + "/messages/devicebound/#", "-C", "1"}),
                  folder / "sub"};
      EXPECT_EQ(hub.ask("POST", "/devices/" + id + "/commands",
                        R"({"body": "x", "messageId": "c-)" + id + R"(", "ack": "full"})")
                    .status,
                201);
      EXPECT_EQ(sub.wait(), 0) << sub.err();
    }
    EXPECT_EQ(hub.ask("GET", "/feedback?wait=10s").status, 200);
    hub.process().signal(SIGTERM);
    judged = hub.process().wait();
  }
  const std::string text = read_file(history);
  const Json first = Json::parse(text.substr(0, text.find('\n')));
  ASSERT_EQ(first["participants"].size(), 4U) << first.dump();
  EXPECT_EQ(first["participants"][3]["name"], "dev2");
  Process judge{{tests::program_file(), "judge", history}, folder / "judge"};
  const auto code = judge.wait();
  EXPECT_TRUE(code == 0 || code == 2) << judge.out() << judge.err();
  EXPECT_EQ(judged, code) << "serve and judge come to the same";
}

// Refusals. Each says what is wrong, where, and what to do.

void expect_refusal(const std::vector<std::string>& options, int code,
                    const std::vector<std::string>& words) {
  const Folder folder;
  Process process{Served::command(options), folder / "serve"};
  EXPECT_EQ(process.wait(), code) << process.err();
  EXPECT_EQ(process.out(), "");
  for (const std::string& word : words)
    EXPECT_NE(process.err().find(word), std::string::npos) << "no '" << word << "' in "
                                                           << process.err();
}

TEST(ServeRefuses, APortInUse) {
  const TakenPort taken{true};
  const std::string where = "127.0.0.1:" + std::to_string(taken.port());
  expect_refusal({"--listen", "mqtt=" + where}, 69, {where, "in use", "choose another"});
  expect_refusal({"--listen", "mqtt=127.0.0.1:0", "--control", where}, 69, {"control", where});
}

TEST(ServeRefuses, AStoreThatCannotBeUsed) {
  const Folder folder;
  write_file(folder / "file", "not a directory");
  expect_refusal({"--listen", "mqtt=127.0.0.1:0", "--store", folder / "file"}, 73,
                 {folder / "file", "--store"});
  expect_refusal({"--listen", "mqtt=127.0.0.1:0", "--store", "/proc/hubproof"}, 73,
                 {"/proc/hubproof", "--store"});
}

TEST(ServeRefuses, AStoreThatAnotherProcessUses) {
  const Folder folder;
  const Served hub{folder / "hub", doors_and({"--store", folder / "store"})};
  expect_refusal({"--listen", "mqtt=127.0.0.1:0", "--store", folder / "store"}, 73,
                 {folder / "store", "in use"});
}

TEST(ServeRefuses, AHistoryThatCannotBeWritten) {
  expect_refusal({"--listen", "mqtt=127.0.0.1:0", "--history", "/proc/hubproof"}, 73,
                 {"--history", "/proc/hubproof"});
}

TEST(Serve, AHistoryThatEndedTooEarlyIsNoSuccess) {
  const Folder folder;
  Served hub{folder / "hub", doors_and({"--devices", "dev1", "--history", "/dev/full"})};
  hub.process().signal(SIGTERM);
  EXPECT_EQ(hub.process().wait(), 73);
  EXPECT_NE(hub.process().err().find("history cannot be written"), std::string::npos) << hub.process().err();
}

// A reader could not tell it from the hub itself.
TEST(ServeRefuses, AnEndpointThatIsCalledAsTheHubIs) {
  const Folder folder;
  write_file(folder / "routes.json", R"({"endpoints": ["127"], "routes": []})");
  expect_refusal({"--listen", "amqp=127.0.0.1:0", "--routes", folder / "routes.json"}, 65,
                 {"/endpoints/0", "\"127\"", "call it otherwise"});
}

TEST(ServeRefuses, DevicesThatCannotBe) {
  expect_refusal(doors_and({"--devices", "a;DeviceId=b"}), 64, {"a;DeviceId=b", "letters, digits"});
}

TEST(ServeRefuses, DoorsThatItCannotOpen) {
  expect_refusal({"--listen", "127.0.0.1:1883"}, 64, {"SCHEME=HOST:PORT"});
  expect_refusal({"--listen", "mqtt=127.0.0.1"}, 64, {"HOST:PORT"});
  expect_refusal({"--listen", "mqtt=127.0.0.1:70000"}, 64, {"HOST:PORT"});
  expect_refusal({"--listen", "mqtt=127.0.0.1:x"}, 64, {"HOST:PORT"});
  expect_refusal({"--listen", "coap=127.0.0.1:0"}, 64, {"coap", "mqtt"});
  expect_refusal({"--listen", "mqtt=0.0.0.0:0"}, 64, {"0.0.0.0", "loopback"});
  expect_refusal({"--listen", "mqtt=127.0.0.1:0", "--control", "0.0.0.0:0"}, 64, {"loopback"});
  expect_refusal({"--listen", "mqtt=127.0.0.1:0", "--control", "8080"}, 64, {"HOST:PORT"});
}

// A file that may not grow stands for a full disk: the write fails in the same place.
TEST(ServeRefuses, ToGoOnWhenTheDiskIsFull) {
  const Folder folder;
  const std::string store = folder / "store";
  std::string lines;
  for (int i = 0; i < 2000; ++i) lines += std::to_string(i) + std::string(500, '.') + "\n";
  write_file(folder / "lines", lines);
  std::vector<std::string> limited{"sh", "-c", "ulimit -f 256; exec \"$@\"", "sh"};
  const std::vector<std::string> serve =
      Served::command(doors_and({"--store", store, "--devices", "dev1"}));
  limited.insert(limited.end(), serve.begin(), serve.end());
  std::size_t acknowledged = 0;
  {
    Process hub{limited, folder / "hub"};
    ASSERT_TRUE(
        eventually([&] { return hub.out().find("listening control") != std::string::npos; }))
        << hub.err();
    const std::string out = hub.out();
    const auto port = static_cast<std::uint16_t>(
        std::atoi(out.c_str() + out.find("mqtt=127.0.0.1:") + std::string{"mqtt=127.0.0.1:"}.size()));
    Process pub{mosquitto("mosquitto_pub", "dev1", port,
                          {"-t", "devices/dev1/messages/events/", "-l", "-d"}),
                folder / "pub", folder / "lines"};
    EXPECT_EQ(hub.wait(), 73) << hub.err();
    for (const std::string word : {"cannot write", store.c_str(), "make room"})
      EXPECT_NE(hub.err().find(word), std::string::npos) << hub.err();
    const std::string log = pub.out();
    for (std::size_t at = 0; (at = log.find("received PUBACK", at)) != std::string::npos; ++at)
      ++acknowledged;
  }
  EXPECT_GT(acknowledged, 10U);
  EXPECT_LT(acknowledged, 2000U);
  Served again{folder / "again", doors_and({"--store", store})};  // there is room again
  EXPECT_GE(again.telemetry().size(), acknowledged);
}

}  // namespace
}  // namespace hubproof::tests
