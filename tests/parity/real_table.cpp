#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <thread>

#include "tests/parity/table.hpp"
#include "tests/support/process.hpp"
#include "tools/real_hub.hpp"

namespace hubproof::tests {
namespace {

// The hub's loop runs on a thread of its own; this side blocks.
class RealTable final : public Table {
 public:
  explicit RealTable(const model::Rules& rules)
      : rules_{rules},
        hub_{rules_,
             {folder_ / "store", [this](const model::History&, const model::Event& event) {
                const std::lock_guard hold{mutex_};
                events_.push_back(event);
              }}} {
    std::string problem;
    const auto port = hub_.listen(tools::RealHub::Door::mqtt, {"127.0.0.1", 0}, problem);
    if (!port || !hub_.open(problem)) ADD_FAILURE() << problem;
    port_ = port.value_or(0);
    loop_ = std::thread{[this] { hub_.run(); }};
  }
  ~RealTable() override {
    hub_.stop();
    loop_.join();
  }

  model::Response request(const model::Request& request) override {
    std::mutex mutex;
    std::optional<model::Response> answer;
    hub_.post_request(request, [&](const model::Response& response) {
      const std::lock_guard hold{mutex};
      answer = response;
    });
    eventually([&] {
      const std::lock_guard hold{mutex};
      return answer.has_value();
    });
    return answer.value_or(model::Failed{model::Error::timed_out});
  }
  void call(std::size_t number) override {
    sockets_.emplace(number, std::make_unique<Socket>(port_));
  }
  void say(std::size_t number, model::View bytes) override {
    sockets_.at(number)->send(model::text(bytes));
  }
  model::Bytes hear(std::size_t number) override {
    const std::string some = sockets_.at(number)->receive();
    return {some.begin(), some.end()};
  }
  bool ended(std::size_t number) override { return sockets_.at(number)->receive().empty(); }
  void hang_up(std::size_t number) override { sockets_.erase(number); }
  std::vector<model::Event> seen() override {
    const std::lock_guard hold{mutex_};
    return events_;
  }

 private:
  model::Rules rules_;
  Folder folder_;
  std::mutex mutex_;
  std::vector<model::Event> events_;
  tools::RealHub hub_;
  std::uint16_t port_ = 0;
  std::map<std::size_t, std::unique_ptr<Socket>> sockets_;
  std::thread loop_;
};

}  // namespace

std::unique_ptr<Table> real_table(const model::Rules& rules) {
  return std::make_unique<RealTable>(rules);
}

}  // namespace hubproof::tests
