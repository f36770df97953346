// The suite against a real system: many stages side by side over one loop, each with connections and
// names of its own; among them one at a time of those that read its feedback; and those that need the target for
// themselves one by one. Each instance has a thread.
#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "tools/asio_port.hpp"
#include "tools/conform/conform.hpp"
#include "tools/conform/reach.hpp"
#include "tools/endpoint.hpp"

namespace hubproof::tools {
namespace {

namespace cases = conformance::cases;
using cases::Alone;
using boost::asio::ip::tcp;

constexpr std::size_t devices_of_a_case = 4;
// As many cases run side by side as the target bears: few at first and while it is slow, more as long as it is quick. Those
// that wait for a lock or a batch do not count.
constexpr std::size_t at_first = 16;
constexpr model::Duration quick = std::chrono::milliseconds{200};
constexpr model::Duration longest_patience = std::chrono::seconds{30};  // each case that a target fails by silence waits so long
constexpr model::Duration slow = std::chrono::milliseconds{600};
constexpr model::Duration look_around = std::chrono::milliseconds{200};  // for ^C

// The cases, from which every instance takes one after the other.
class Shares {
 public:
  Shares(const std::vector<CaseResult*>& chosen, const ConformOptions& options) : options_{options}, total_{chosen.size()} {
    for (CaseResult* each : chosen) kind(each->of->alone).push_back(each);
  }
  CaseResult* next(Alone alone) {  // null: there is none any more
    const std::lock_guard lock{mutex_};
    std::deque<CaseResult*>& from = kind(alone);
    if (from.empty()) return nullptr;
    CaseResult* first = from.front();
    from.pop_front();
    return first;
  }
  void done() {
    const std::lock_guard lock{mutex_};
    if (options_.on_progress) options_.on_progress(++done_, total_);
  }

 private:
  std::deque<CaseResult*>& kind(Alone alone) { return left_[static_cast<std::size_t>(alone)]; }

  const ConformOptions& options_;
  std::mutex mutex_;
  std::array<std::deque<CaseResult*>, 3> left_;  // of each kind
  std::size_t done_ = 0;
  std::size_t total_;
};

class Live final : public PortUser {
 public:
  Live(const Descriptor& descriptor, const ConformOptions& options, Shares& shares, bool alone_first)
      : descriptor_{descriptor}, options_{options}, shares_{shares}, alone_first_{alone_first}, port_{context_, *this}, tag_{fresh_tag()} {
    spare_.assign(descriptor.devices.rbegin(), descriptor.devices.rend());
    const model::Now now = RealNet::now();
    pace_.most = longest_patience;
    pace_.epoch = now.wall.time_since_epoch() - now.mono.time_since_epoch();
  }

  // Empty: every door that the descriptor names is there.
  std::string reach() {
    Reached reached = tools::reach(context_, descriptor_);
    endpoints_ = reached.endpoints;
    tls_ = std::move(reached.tls);
    return reached.problem;
  }

  void run() {
    fill();
    while (!running_.empty() && !(options_.stop && options_.stop())) context_.run_one();
    port_.stop();
  }

  // The loop's calls.
  void accepted(model::ConnectionId, std::size_t) override {}
  void connected(model::ConnectionId connection) override {
    with(connection, [&](Running& one, model::ConnectionId own) { one.stage->connected(now(), own, effects_); });
  }
  void refused(model::ConnectionId connection) override {
    with(connection, [&](Running& one, model::ConnectionId own) {
      forget(one, own);
      one.stage->refused(now(), own, effects_);
    });
  }
  void received(model::ConnectionId connection, model::View bytes) override {
    with(connection, [&](Running& one, model::ConnectionId own) { one.stage->received(now(), own, bytes, effects_); });
  }
  void ended(model::ConnectionId connection, model::EndedBy by) override {
    with(connection, [&](Running& one, model::ConnectionId own) {
      forget(one, own);
      one.stage->ended(now(), own, by, effects_);
    });
  }
  void woken() override {
    for (std::size_t at = 0; at < running_.size();) {
      Running* one = running_[at].get();
      const auto deadline = one->stage->deadline();
      if (deadline && *deadline <= now()) {
        one->stage->woken(now(), effects_);
        done(*one);
      }
      if (at < running_.size() && running_[at].get() == one) ++at;
    }
    set_alarm();
  }

 private:
  struct Running {
    std::unique_ptr<cases::Stage> stage;
    CaseResult* into = nullptr;
    std::vector<cases::Identity> devices;
    std::map<model::ConnectionId, model::ConnectionId> outside;  // by the stage's own
  };
  struct Owner {
    Running* running = nullptr;
    model::ConnectionId own{};
  };

  // What one stage wants done, as a port.
  struct StagePort {
    Live& live;
    Running& one;
    void record(std::vector<model::Event>&) {}
    void send(model::ConnectionId connection, model::View bytes) {
      if (const auto found = one.outside.find(connection); found != one.outside.end()) live.port_.send(found->second, bytes);
    }
    void close(model::ConnectionId connection) {
      if (const auto outside = live.forget(one, connection); outside != model::ConnectionId::none) live.port_.close(outside);
    }
    void abort(model::ConnectionId connection) {
      if (const auto outside = live.forget(one, connection); outside != model::ConnectionId::none) live.port_.abort(outside);
    }
    void connect(model::ConnectionId connection) {
      const auto outside = static_cast<model::ConnectionId>(++live.connections_);
      one.outside[connection] = outside;
      live.owners_[outside] = {&one, connection};
      const auto door = static_cast<std::size_t>(one.stage->door(connection));
      const auto& address = live.descriptor_.doors[door];
      live.port_.connect(outside, live.endpoints_[door], address->tls ? live.tls_.get() : nullptr, address->where.host);
    }
    void append(std::uint64_t, model::View) {}
    void sync(std::uint64_t, model::Ticket) {}
    void remove(std::uint64_t) {}
    void halt() {}
  };

  static model::Instant now() { return RealNet::now().mono; }

  template <class F>
  void with(model::ConnectionId connection, F f) {
    const auto found = owners_.find(connection);
    if (found == owners_.end()) return;
    const Owner owner = found->second;
    f(*owner.running, owner.own);
    done(*owner.running);
    set_alarm();
  }

  model::ConnectionId forget(Running& one, model::ConnectionId own) {
    const auto found = one.outside.find(own);
    if (found == one.outside.end()) return model::ConnectionId::none;
    const model::ConnectionId outside = found->second;
    owners_.erase(outside);
    one.outside.erase(found);
    return outside;
  }

  void done(Running& one) {
    StagePort port{*this, one};
    perform(effects_, port);
    if (one.stage->restart_wanted()) {  // nobody else is there: such a case runs alone
      const bool ok = std::system(descriptor_.restart.c_str()) == 0;
      one.stage->restarted(now(), ok, effects_);
      return done(one);
    }
    if (!one.stage->over()) {
      if (one.stage->resting() || one.stage->wants_feedback()) fill();
      return;
    }
    *one.into = result_of(*one.stage);
    spare_.insert(spare_.end(), one.devices.begin(), one.devices.end());
    std::erase_if(running_, [&](const auto& each) { return each.get() == &one; });
    adapt();
    shares_.done();
    fill();
  }

  // A case is over.
  void adapt() {
    if (pace_.recent < quick) at_once_ = std::min<std::size_t>(at_once_ + 1, descriptor_.side_by_side);
    if (pace_.recent > slow) at_once_ = std::min(at_once_, std::max(at_first, running_.size()));
  }

  void fill() {
    if (running_.empty() && alone_first_) start(shares_.next(Alone::target));
    if (running_.empty() || running_.front()->into->of->alone != Alone::target) {
      pass_feedback_on();
      while (room() && start(shares_.next(Alone::nothing))) {
      }
    }
    if (running_.empty()) start(shares_.next(Alone::target));
    set_alarm();
  }
  // To a case that had it before and wants it again, or to a new one.
  void pass_feedback_on() {
    if (std::ranges::any_of(running_, [](const auto& each) { return each->stage->holds_feedback(); })) return;
    const auto wants = std::ranges::find_if(running_, [](const auto& each) { return each->stage->wants_feedback(); });
    if (wants != running_.end()) {
      (*wants)->stage->feedback_given(now(), effects_);
      done(**wants);
    } else if (room()) {
      start(shares_.next(Alone::feedback));
    }
  }
  bool room() const {  // for one more
    if (running_.empty()) return true;
    if (descriptor_.target.hub() && spare_.size() < devices_of_a_case) return false;
    const auto active = std::ranges::count_if(running_, [](const auto& each) { return !each->stage->resting(); });
    return running_.size() < descriptor_.side_by_side && static_cast<std::size_t>(active) < at_once_;
  }

  bool start(CaseResult* next) {  // false: there is none
    if (next == nullptr) return false;
    auto one = std::make_unique<Running>();
    one->into = next;
    if (descriptor_.target.hub())
      while (one->devices.size() < devices_of_a_case && !spare_.empty()) {
        one->devices.push_back(spare_.back());
        spare_.pop_back();
      }
    one->stage = std::make_unique<cases::Stage>(descriptor_.target, pace_, *next->of, options_.seed, tag_, one->devices);
    Running& started = *running_.emplace_back(std::move(one));
    started.stage->begin(now(), effects_);
    done(started);
    return true;
  }

  void set_alarm() {
    model::Instant first = now() + look_around;
    for (const auto& each : running_)
      if (const auto deadline = each->stage->deadline()) first = std::min(first, *deadline);
    port_.wake_at(first);
  }

  const Descriptor& descriptor_;
  const ConformOptions& options_;
  Shares& shares_;
  const bool alone_first_;
  boost::asio::io_context context_{1};
  std::unique_ptr<TlsContext> tls_;
  AsioPort<RealNet> port_;
  std::array<tcp::endpoint, 3> endpoints_;
  cases::Pace pace_;
  model::Effects effects_;
  std::string tag_;
  std::size_t at_once_ = std::min<std::size_t>(at_first, descriptor_.side_by_side);
  std::vector<cases::Identity> spare_;
  std::vector<std::unique_ptr<Running>> running_;
  std::map<model::ConnectionId, Owner> owners_;
  std::uint32_t connections_ = 0;
};

}  // namespace

void run_live(const std::vector<Descriptor>& instances, const ConformOptions& options, std::vector<CaseResult*> chosen,
              std::string& unreachable) {
  Shares shares{chosen, options};
  std::vector<std::unique_ptr<Live>> live;
  for (const Descriptor& each : instances) {
    live.push_back(std::make_unique<Live>(each, options, shares, !live.empty()));
    unreachable = live.back()->reach();
    if (!unreachable.empty()) return;
  }
  std::vector<std::thread> others;
  for (std::size_t at = 1; at < live.size(); ++at) others.emplace_back([one = live[at].get()] { one->run(); });
  live.front()->run();
  for (std::thread& other : others) other.join();
}

}  // namespace hubproof::tools
