#include "tools/devices/live_device.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>

#include "tools/asio_port.hpp"
#include "tools/certificates.hpp"

extern char** environ;

namespace hubproof::tools {
namespace {

using namespace conformance::devices;
using Error = boost::system::error_code;
using model::ConnectionId;

constexpr std::size_t most_output = 256u << 20;      // bytes of one adapter; beyond that it babbles
constexpr std::chrono::seconds farewell{2};          // for an adapter to end after "quit"
constexpr std::size_t last_words = 2000;             // bytes of standard error that a report shows

// A child with its three streams. It leads a process group, so that what it started ends with it.
class Process {
 public:
  Process(boost::asio::io_context& context) : in_{context}, out_{context}, err_{context} {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { end(); }

  bool start(const std::vector<std::string>& command, std::string& problem);
  // The group is killed, and waited for.
  void end() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
  }
  // How it ended, if it has.
  std::optional<std::string> ended() {
    if (pid_ <= 0) return "has ended";
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    ::kill(-pid_, SIGKILL);  // what it left behind
    pid_ = 0;
    if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
    return "ended with exit code " + std::to_string(WEXITSTATUS(status));
  }

  boost::asio::posix::stream_descriptor& in() { return in_; }
  boost::asio::posix::stream_descriptor& out() { return out_; }
  boost::asio::posix::stream_descriptor& err() { return err_; }

 private:
  boost::asio::posix::stream_descriptor in_, out_, err_;
  pid_t pid_ = 0;
};

bool Process::start(const std::vector<std::string>& command, std::string& problem) {
  int in[2], out[2], err[2];
  for (int* const pipe : {in, out, err})
    if (::pipe2(pipe, O_CLOEXEC) != 0) return problem = std::string{"no pipe: "} + std::strerror(errno), false;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  // Nothing else: a connection of another case that a child holds too would not end when its case cuts it.
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const int failed = ::posix_spawnp(&pid_, words[0], &actions, &attributes, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  ::close(in[0]), ::close(out[1]), ::close(err[1]);
  if (failed != 0) {
    pid_ = 0;
    ::close(in[1]), ::close(out[0]), ::close(err[0]);
    problem = "cannot start " + command[0] + ": " + std::strerror(failed);
    return false;
  }
  in_.assign(in[1]), out_.assign(out[0]), err_.assign(err[0]);
  return true;
}

// One case: its stage, its process and its port.
class Running final : public PortUser {
 public:
  Running(boost::asio::io_context& context, const LiveDevice& device, const DeviceCase& which, std::function<void()> on_end)
      : context_{context}, device_{device}, which_{which}, on_end_{std::move(on_end)}, process_{context}, port_{context, *this},
        patience_{context} {}

  bool start(std::string& problem) {
    Error error;
    const auto address = boost::asio::ip::make_address(device_.host, error);
    RealNet::Acceptor acceptor{context_};
    if (!error) acceptor.open(address.is_v6() ? boost::asio::ip::tcp::v6() : boost::asio::ip::tcp::v4(), error);
    if (!error) acceptor.bind({address, 0}, error);
    if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
    if (error) return problem = "cannot listen on " + device_.host + ": " + error.message(), false;
    StageSettings settings;
    settings.host = device_.host;
    settings.port = acceptor.local_endpoint().port();
    settings.key = "aHVicHJvb2YgaHVicHJvb2YgaHVicHJvb2YgaHVicHI=";
    settings.ca = device_.ca;
    settings.websocket = device_.websocket || which_.needs.websocket;
    settings.seed = device_.seed;
    settings.start = device_.start;
    stage_ = std::make_unique<Stage>(settings, which_.name, which_.clauses, guarded(which_));
    port_.listen(std::move(acceptor), 0, device_.tls);
    if (!process_.start(device_.command, problem)) return false;
    stage_->started(RealNet::now().mono);
    hear();
    hear_errors();
    perform();
    return true;
  }

  // The loop's calls.
  void accepted(ConnectionId connection, std::size_t) override { stage_->opened(now(), link(connection)), perform(); }
  void connected(ConnectionId) override {}
  void refused(ConnectionId) override {}
  void received(ConnectionId connection, model::View bytes) override { stage_->received(now(), link(connection), bytes), perform(); }
  void ended(ConnectionId connection, model::EndedBy) override { stage_->ended(now(), link(connection)), perform(); }
  void woken() override { stage_->woken(now()), perform(); }

  CaseResult result() const { return result_of(which_, *stage_, errors_); }
  std::string ailment() const { return stage_->broken() + (errors_.empty() ? "" : "; on standard error it said:\n" + errors_); }
  const Hello& hello() const { return stage_->device(); }

 private:
  static LinkId link(ConnectionId connection) { return static_cast<LinkId>(connection); }
  static model::Instant now() { return RealNet::now().mono; }

  void perform() {
    std::vector<Act> acts = std::exchange(stage_->acts(), {});
    for (Act& act : acts) {
      const auto connection = static_cast<ConnectionId>(act.link);
      switch (act.kind) {
        case Act::Kind::send: port_.send(connection, act.bytes); break;
        case Act::Kind::close: port_.close(connection); break;
        case Act::Kind::abort: port_.abort(connection); break;
        case Act::Kind::tell: tell(act.line); break;
      }
    }
    if (stage_->finished()) return finish();
    port_.wake_at(stage_->deadline());
  }

  void tell(const std::string& line) {
    to_say_ += line;
    if (saying_.empty()) say();
  }
  void say() {
    std::swap(saying_, to_say_);
    if (saying_.empty() || !process_.in().is_open()) return;
    boost::asio::async_write(process_.in(), boost::asio::buffer(saying_), [this](Error error, std::size_t) {
      saying_.clear();
      if (!error) say();  // an adapter that ended is heard of by its output
    });
  }
  void hear() {
    process_.out().async_read_some(boost::asio::buffer(heard_), [this](Error error, std::size_t size) {
      output_ += size;
      held_.append(heard_.data(), size);
      std::size_t from = 0;
      for (std::size_t end; !stage_->finished() && (end = held_.find('\n', from)) != std::string::npos; from = end + 1) {
        std::string_view line{held_.data() + from, end - from};
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (!line.empty()) stage_->line(now(), line);
      }
      held_.erase(0, from);
      if (!stage_->finished() && held_.size() > longest_line) stage_->adapter_ended(now(), "babbles: a line of more than a megabyte");
      if (!stage_->finished() && output_ > most_output) stage_->adapter_ended(now(), "babbles: more than 256 MB of output");
      if (error && !stage_->finished()) return mourn();
      perform();
      if (!error && !over_) hear();
    });
  }
  // Its output has ended; how it did, and its last words, are known a moment later.
  void mourn() {
    if (!how_) how_ = process_.ended();
    if ((!how_ || !all_complained_) && mourned_++ < 20) {
      patience_.expires_after(std::chrono::milliseconds{50});
      patience_.async_wait([this](Error error) {
        if (!error) mourn();
      });
      return;
    }
    stage_->adapter_ended(now(), how_.value_or("closed its standard output"));
    perform();
  }
  void hear_errors() {
    process_.err().async_read_some(boost::asio::buffer(complained_), [this](Error error, std::size_t size) {
      errors_.append(complained_.data(), size);
      if (errors_.size() > last_words) errors_.erase(0, errors_.size() - last_words);
      if (error) all_complained_ = true;
      if (!error && !over_) hear_errors();
    });
  }

  // After "quit" the adapter has a while to end.
  void finish() {
    if (over_) return;
    over_ = true;
    port_.stop();
    wait_for_end(0);
  }
  void wait_for_end(int times) {
    constexpr std::chrono::milliseconds step{20};
    if (process_.ended() || times * step > farewell) {
      process_.end();
      Error ignored;
      for (auto* stream : {&process_.in(), &process_.out(), &process_.err()}) stream->close(ignored);
      return on_end_();
    }
    patience_.expires_after(step);
    patience_.async_wait([this, times](Error error) {
      if (!error) wait_for_end(times + 1);
    });
  }

  boost::asio::io_context& context_;
  const LiveDevice& device_;
  const DeviceCase& which_;
  std::function<void()> on_end_;
  Process process_;
  AsioPort<RealNet> port_;
  RealNet::Timer patience_;
  std::unique_ptr<Stage> stage_;
  std::string to_say_;
  std::string saying_;
  std::string held_;
  std::string errors_;
  std::array<char, 4096> heard_;
  std::array<char, 1024> complained_;
  std::size_t output_ = 0;
  std::optional<std::string> how_;  // its process ended
  bool all_complained_ = false;
  int mourned_ = 0;
  bool over_ = false;
};

}  // namespace

std::unique_ptr<TlsContext> device_tls(const std::string& directory, const std::string& host, std::string& ca, std::string& problem) {
  const auto made = certificates(directory, {host}, RealNet::now().wall, problem);
  if (!made) return nullptr;
  ca = std::filesystem::absolute(made->file);
  return TlsContext::server(made->certificate, made->key, made->authority, problem);
}

DevicePlay play_live(const LiveDevice& device, const std::vector<const DeviceCase*>& cases) {
  std::signal(SIGPIPE, SIG_IGN);  // an adapter that ended is heard of by its output
  boost::asio::io_context context{1};
  DevicePlay play;
  for (const DeviceCase* const each : cases) play.cases.emplace_back().of = find_device_case(each->name);
  std::vector<std::unique_ptr<Running>> running(cases.size());  // a port outlives every run of its context
  std::size_t next = 0;
  std::size_t done = 0;
  std::string ailment;
  // Once a device has said what it is, nothing is started for cases that are nothing for it.
  const auto pass_over = [&] {
    while (next < cases.size() && !play.device.name.empty()) {
      const DeviceCase& which = *cases[next];
      std::string why = why_not(which, device.websocket || which.needs.websocket, play.device);
      if (why.empty()) return;
      play.cases[next++].not_applicable = std::move(why);
      ++done;
    }
  };
  const std::function<void()> start_one = [&] {
    pass_over();
    if (next == cases.size() || !play.unreachable.empty() || (device.stop && device.stop())) return;
    const std::size_t at = next++;
    running[at] = std::make_unique<Running>(context, device, *cases[at], [&, at] {
      play.cases[at] = running[at]->result();
      if (!running[at]->hello().name.empty()) play.device = running[at]->hello();
      else ailment = running[at]->ailment();
      ++done;
      start_one();
      if (device.on_progress) device.on_progress(done);
    });
    std::string problem;
    if (!running[at]->start(problem) && play.unreachable.empty()) play.unreachable = problem;
  };
  for (unsigned i = 0; i < device.jobs; ++i) start_one();
  while (play.unreachable.empty() && done < next)
    if (context.run_one() == 0) break;
  context.poll();
  if (play.unreachable.empty() && play.device.name.empty()) play.unreachable = ailment;
  return play;
}

}  // namespace hubproof::tools
