#include <map>

#include "sim/world.hpp"
#include "tests/parity/table.hpp"
#include "tools/sim_hub.hpp"

namespace hubproof::tests {
namespace {

constexpr sim::Duration patience = std::chrono::seconds{30};

// Says what it is told to and keeps what it hears.
class Caller final : public sim::Program {
 public:
  struct Call {
    sim::Socket socket{};
    bool up = false;
    bool over = false;
    model::Bytes heard;
  };
  void started() override {}
  void crashed() override {}
  void connected(sim::Socket socket) override { by(socket).up = true; }
  void refused(sim::Socket socket, sim::Refusal) override { by(socket).over = true; }
  void received(sim::Socket socket, sim::View bytes) override {
    Call& call = by(socket);
    call.heard.insert(call.heard.end(), bytes.begin(), bytes.end());
  }
  void ended(sim::Socket socket, sim::Ending) override { by(socket).over = true; }

  std::map<std::size_t, Call> calls;

 private:
  Call& by(sim::Socket socket) {
    for (auto& [number, call] : calls)
      if (call.socket == socket) return call;
    return nobody_;
  }
  Call nobody_;
};

class SimulatedTable final : public Table {
 public:
  explicit SimulatedTable(const model::Rules& rules)
      : rules_{rules},
        judge_{model::terms(rules), header_.participants},
        recorder_{world_, header_, judge_,
                  [this](const model::History&, const model::Event& event) {
                    events_.push_back(event);
                  }},
        stage_{world_, recorder_, effects_, scratch_, [](sim::NodeId) {}},
        hub_{stage_, rules_, sim::Duration{}, [this](std::string_view id) { return index_of(id); }} {
    hub_.place(world_.add("hub", hub_));
    caller_node_ = world_.add("caller", caller_);
    world_.start(hub_.node());
    world_.start(caller_node_);
    world_.run_until(world_.now() + std::chrono::seconds{1});
  }

  model::Response request(const model::Request& request) override {
    std::optional<model::Response> answer;
    hub_.request(request, [&](const model::Response& response) { answer = response; });
    until([&] { return answer.has_value(); });
    return answer.value_or(model::Failed{model::Error::timed_out});
  }
  void call(std::size_t number) override {
    Caller::Call& call = caller_.calls[number];
    call.socket = world_.network().connect(caller_node_, hub_.node(), tools::mqtt_port);
    until([&] { return call.up || call.over; });
  }
  void say(std::size_t number, model::View bytes) override {
    world_.network().write(caller_.calls[number].socket, bytes);
  }
  model::Bytes hear(std::size_t number) override {
    Caller::Call& call = caller_.calls[number];
    until([&] { return !call.heard.empty() || call.over; });
    return std::exchange(call.heard, {});
  }
  bool ended(std::size_t number) override {
    Caller::Call& call = caller_.calls[number];
    until([&] { return call.over; });
    return call.over;
  }
  void hang_up(std::size_t number) override {
    world_.network().close(caller_.calls[number].socket);
  }
  std::vector<model::Event> seen() override { return events_; }

 private:
  template <class F>
  void until(F is_so) {
    const sim::Instant end = world_.now() + patience;
    while (!is_so() && world_.now() < end && world_.step()) {
    }
  }
  model::NodeIndex index_of(std::string_view id) {
    return ids_.try_emplace(std::string{id}, static_cast<model::NodeIndex>(10 + ids_.size()))
        .first->second;
  }

  model::Rules rules_;
  sim::World world_{1};
  model::History header_{model::terms(rules_), {{"hub", model::Role::hub}, {"caller", {}}}, {""}, {}};
  conformance::Judge judge_;
  std::vector<model::Event> events_;
  tools::Recorder recorder_;
  model::Effects effects_;
  model::Bytes scratch_;
  tools::Stage stage_;
  std::map<std::string, model::NodeIndex, std::less<>> ids_;
  tools::SimHub hub_;
  Caller caller_;
  sim::NodeId caller_node_{};
};

}  // namespace

std::unique_ptr<Table> simulated_table(const model::Rules& rules) {
  return std::make_unique<SimulatedTable>(rules);
}

}  // namespace hubproof::tests
