// What was acknowledged is kept, whatever ends the hub: `kill -9` in the middle of 10,000 publishes
// of a client that knows nothing of hubproof, whose debug output says what was acknowledged; and in the
// middle of pipelined HTTP requests and of AMQP deliveries both ways, twenty times each.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "model/amqp/engine.hpp"
#include "model/amqp/message.hpp"
#include "model/http/codec.hpp"
#include "tests/serve/served.hpp"

namespace hubproof::tests {
namespace {

namespace amqp = model::amqp;

constexpr std::size_t messages = 10'000;

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size())
    ++found;
  return found;
}

// Which of the lines given to it the client saw acknowledged: it numbers them from 1.
std::set<std::size_t> acknowledged(const std::string& log) {
  constexpr std::string_view mark = "received PUBACK (Mid: ";
  std::set<std::size_t> numbers;
  for (std::size_t at = 0; (at = log.find(mark, at)) != std::string::npos;) {
    at += mark.size();
    numbers.insert(static_cast<std::size_t>(std::atoll(log.c_str() + at)) - 1);
  }
  return numbers;
}

TEST(KillMinusNine, LosesNothingThatWasAcknowledged) {
  const Folder folder;
  const std::uint16_t port = free_port();
  const std::vector<std::string> options{
      "--listen", "mqtt=127.0.0.1:" + std::to_string(port), "--control", "127.0.0.1:0",
      "--store",  folder / "store",                          "--devices", "dev1"};
  std::vector<std::string> bodies;
  for (std::size_t i = 0; i < messages; ++i) bodies.push_back("message " + std::to_string(i));
  std::vector<std::string> left = bodies;
  std::set<std::string> safe;

  int lives = 0;
  std::size_t kill_at = messages / 4;
  auto hub = std::make_unique<Served>(folder / "hub0", options);
  for (int round = 0; !left.empty() && round < 10; ++round) {
    std::string lines;
    for (const std::string& body : left) lines += body + "\n";
    write_file(folder / "lines", lines);
    Process pub{mosquitto("mosquitto_pub", "dev1", port,
                          {"-t", "devices/dev1/messages/events/", "-l", "-d"}),
                folder / ("pub" + std::to_string(round)), folder / "lines"};
    while (lives < 3 &&
           eventually([&] {
             return pub.ended() || safe.size() + count(pub.out(), "received PUBACK") >= kill_at;
           }) &&
           !pub.ended()) {
      hub->process().signal(SIGKILL);
      ASSERT_EQ(hub->process().wait(), -SIGKILL);
      hub = std::make_unique<Served>(folder / ("hub" + std::to_string(++lives)), options);
      ASSERT_TRUE(hub->ready());
      kill_at += messages / 4;
    }
    ASSERT_TRUE(pub.wait(60s)) << pub.err();
    std::vector<std::string> still_left;
    const std::set<std::size_t> numbers = acknowledged(pub.out());
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (numbers.contains(i)) {
        safe.insert(left[i]);
      } else {
        still_left.push_back(left[i]);
      }
    }
    left = still_left;
  }
  EXPECT_EQ(lives, 3);
  EXPECT_EQ(safe.size(), messages) << "the client could not be made to deliver them all";

  std::map<std::string, int> logged;
  for (const Json& event : hub->telemetry()) ++logged[event["message"]["body"].get<std::string>()];
  std::size_t lost = 0;
  for (const std::string& body : safe) lost += logged.contains(body) ? 0U : 1U;
  EXPECT_EQ(lost, 0U);
  std::size_t repeated = 0;
  for (const auto& [body, times] : logged) repeated += static_cast<std::size_t>(times - 1);
  RecordProperty("repeated", static_cast<int>(repeated));
  EXPECT_LE(repeated, 3U * 100U);  // at most what was in flight at each kill
}

// A device that pipelines its requests, and what it was told of them.
class PipeliningDevice {
 public:
  void connect(std::uint16_t port) {
    socket_ = std::make_unique<Socket>(port);
    asked_.clear();
    decoder_ = model::http::ResponseDecoder{};
  }
  // A burst of requests; nobody waits for the answers.
  void ask() {
    std::string burst;
    const auto add = [&](const std::string& what, const std::string& method, const std::string& path,
                         const std::string& body) {
      asked_.push_back(what);
      burst += method + " /devices/dev1/messages/" + path + "?api-version=2021-04-12 HTTP/1.1\r\nHost: hub\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body;
    };
    for (int i = 0; i < 5; ++i) {
      const std::string body = "message " + std::to_string(sent_++);
      add(body, "POST", "events", body);
    }
    add("", "GET", "devicebound", "");
    for (; !held_.empty(); held_.pop_front()) add(held_.front().second, "DELETE", "devicebound/" + held_.front().first, "");
    socket_->send(burst);
  }
  // Hears answers until all have come, or the connection has ended.
  void hear() {
    while (!asked_.empty()) {
      const std::string bytes = socket_->receive();
      if (bytes.empty()) return;
      decoder_.feed(model::view(bytes));
      while (const model::http::Response* response = decoder_.next()) {
        ASSERT_FALSE(asked_.empty());
        const std::string what = asked_.front();
        asked_.pop_front();
        if (response->status == 200) {
          const std::string etag{*response->field("etag")};
          const std::string command{model::text(response->body)};
          EXPECT_FALSE(settled.contains(command)) << command << " came again after its completion was confirmed";
          held_.emplace_back(etag.substr(1, etag.size() - 2), command);
        } else if (response->status == 204) {
          if (what.starts_with("message ")) acknowledged.insert(what);
          if (what.starts_with("command ")) settled.insert(what);
        } else {
          EXPECT_EQ(response->status, 412u) << what;  // its lock was the dead hub's
        }
      }
      ASSERT_FALSE(decoder_.refused());
    }
  }

  std::set<std::string> acknowledged;
  std::set<std::string> settled;

 private:
  std::unique_ptr<Socket> socket_;
  model::http::ResponseDecoder decoder_;
  std::deque<std::string> asked_;                           // what each request without an answer is about
  std::deque<std::pair<std::string, std::string>> held_;    // token and command
  int sent_ = 0;
};

TEST(KillMinusNine, OverHttpLosesNoMessageAndUndoesNoSettling) {
  constexpr int kills = 20;
  const Folder folder;
  const std::vector<std::string> options{
      "--listen", "mqtt=127.0.0.1:0,http=127.0.0.1:0", "--control", "127.0.0.1:0",
      "--store", folder / "store", "--devices", "dev1"};
  PipeliningDevice device;
  int commands = 0;
  for (int life = 0; life <= kills; ++life) {
    Served hub{folder / ("hub" + std::to_string(life)), options};
    ASSERT_TRUE(hub.ready());
    device.connect(hub.port("listening http=127.0.0.1:"));
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(hub.ask("POST", "/devices/dev1/commands",
                        R"({"body": "command )" + std::to_string(commands++) + "\"}").status, 201);
    for (int burst = 0; burst < 10; ++burst) {
      device.ask();
      device.hear();
    }
    if (life == kills) {
      std::set<std::string> logged;
      for (const Json& event : hub.telemetry()) logged.insert(event["message"]["body"]);
      std::size_t lost = 0;
      for (const std::string& body : device.acknowledged) lost += logged.contains(body) ? 0U : 1U;
      EXPECT_EQ(lost, 0U) << "of " << device.acknowledged.size();
      break;
    }
    device.ask();
    hub.process().signal(SIGKILL);
    ASSERT_EQ(hub.process().wait(), -SIGKILL);
    device.hear();  // what left before
  }
  EXPECT_GE(device.acknowledged.size(), 1000U);
  EXPECT_GE(device.settled.size(), 40U);
}

// A device on AMQP that does not wait for the word on what it sent, and settles commands second.
class AmqpDevice {
 public:
  void connect(std::uint16_t port) {
    socket_ = std::make_unique<Socket>(port);
    engine_.emplace(amqp::Engine::Settings{true, "dev1", "hub", {}, 0});
    sent_.clear();
    held_.clear();
    attached_ = 0;
    amqp::Attach attach;
    attach.peer_sends = false;
    attach.name = "telemetry";
    attach.target = "/devices/dev1/messages/events";
    telemetry_ = engine_->attach(attach);
    attach = {};
    attach.name = "commands";
    attach.source = "/devices/dev1/messages/devicebound";
    attach.receiver_settles = amqp::ReceiverSettles::second;
    commands_ = engine_->attach(attach);
    say();
    while (attached_ < 2 && hear()) {}
    EXPECT_EQ(attached_, 2);
    engine_->grant(commands_, 10);
    say();
  }
  // A burst of telemetry, and the word on each command that is held.
  void ask() {
    for (int i = 0; i < 5 && engine_->credit(telemetry_) > 0; ++i) {
      const std::string body = "message " + std::to_string(number_++);
      model::Bytes flat, message;
      model::MessageWriter{flat}.body(model::view(body));
      amqp::write_message(message, model::MessageView{flat}, "");
      sent_[engine_->send(telemetry_, model::view(body), message)] = body;
    }
    for (const auto& [delivery, command] : held_) engine_->propose(commands_, delivery, amqp::Outcome::accepted);
    say();
  }
  // Hears what comes at once; false: the connection has ended.
  bool hear() {
    const std::string bytes = socket_->receive();
    if (bytes.empty()) return false;
    engine_->received({}, model::view(bytes));
    while (const auto event = engine_->next()) {
      if (std::holds_alternative<amqp::Attached>(*event)) ++attached_;
      if (const auto* arrived = std::get_if<amqp::Arrived>(&*event)) {
        const auto sections = amqp::read_sections(arrived->message);
        const std::string command{sections && !sections->data.empty() ? model::text(sections->data[0]) : "?"};
        EXPECT_FALSE(settled.contains(command)) << command << " came again after its settlement was confirmed";
        held_[arrived->delivery] = command;
      }
      if (const auto* said = std::get_if<amqp::Settled>(&*event)) {
        engine_->forget(said->link, said->delivery);
        if (const auto sent = sent_.find(said->delivery); said->link == telemetry_ && sent != sent_.end()) {
          EXPECT_EQ(said->outcome, amqp::Outcome::accepted);
          acknowledged.insert(sent->second);
          sent_.erase(sent);
        }
        if (const auto held = held_.find(said->delivery); said->link == commands_ && held != held_.end()) {
          if (said->outcome == amqp::Outcome::accepted) settled.insert(held->second);
          held_.erase(held);
        }
      }
      EXPECT_FALSE(std::holds_alternative<amqp::Broken>(*event) || std::holds_alternative<amqp::Detached>(*event));
    }
    say();
    return true;
  }
  bool waits() const { return !sent_.empty() || !held_.empty(); }
  std::size_t holds() const { return held_.size(); }

  std::set<std::string> acknowledged;
  std::set<std::string> settled;

 private:
  void say() {
    model::Bytes out;
    engine_->output({}, out);
    if (!out.empty()) socket_->send(model::text(out));
  }

  std::unique_ptr<Socket> socket_;
  std::optional<amqp::Engine> engine_;
  amqp::LinkId telemetry_{}, commands_{};
  std::map<amqp::DeliveryId, std::string> sent_;  // without a word on it
  std::map<amqp::DeliveryId, std::string> held_;  // commands that are not settled
  int attached_ = 0;
  int number_ = 0;
};

TEST(KillMinusNine, OverAmqpLosesNoMessageAndUndoesNoSettling) {
  constexpr int kills = 20;
  const Folder folder;
  const std::vector<std::string> options{
      "--listen", "mqtt=127.0.0.1:0,amqp=127.0.0.1:0", "--control", "127.0.0.1:0",
      "--store", folder / "store", "--devices", "dev1"};
  AmqpDevice device;
  int commands = 0;
  for (int life = 0; life <= kills; ++life) {
    Served hub{folder / ("hub" + std::to_string(life)), options};
    ASSERT_TRUE(hub.ready());
    const auto command_thrice = [&] {
      for (int i = 0; i < 3; ++i)
        EXPECT_EQ(hub.ask("POST", "/devices/dev1/commands",
                          R"({"body": "command )" + std::to_string(commands++) + "\"}").status, 201);
    };
    command_thrice();
    device.connect(hub.port("listening amqp=127.0.0.1:"));
    const std::size_t enough = device.acknowledged.size() + 50;
    while (device.acknowledged.size() < enough || (life == kills && device.waits())) {
      if (device.acknowledged.size() < enough) device.ask();
      ASSERT_TRUE(device.hear());
    }
    if (life == kills) {
      std::map<std::string, int> logged;
      for (const Json& event : hub.telemetry()) ++logged[event["message"]["body"]];
      std::size_t lost = 0, twice = 0;
      for (const std::string& body : device.acknowledged) lost += logged.contains(body) ? 0U : 1U;
      for (const auto& [body, times] : logged) twice += times > 1 ? 1U : 0U;
      EXPECT_EQ(lost, 0U) << "of " << device.acknowledged.size();
      EXPECT_EQ(twice, 0U) << "nothing was sent twice";
      break;
    }
    command_thrice();
    while (device.holds() < 3) ASSERT_TRUE(device.hear());
    device.ask();  // the kill comes amid the word on three commands
    std::this_thread::sleep_for(std::chrono::microseconds{250 * life});
    hub.process().signal(SIGKILL);
    ASSERT_EQ(hub.process().wait(), -SIGKILL);
    while (device.hear()) {}  // what left before
  }
  EXPECT_GE(device.acknowledged.size(), 1000U);
  EXPECT_GE(device.settled.size(), 60U);
}

}  // namespace
}  // namespace hubproof::tests
