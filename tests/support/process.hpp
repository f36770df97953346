// Real programs under test: started by name, watched through their output, ended by their pid.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace hubproof::tests {

using namespace std::chrono_literals;

inline std::string read_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline void write_file(const std::string& path, std::string_view text) {
  std::ofstream{path, std::ios::binary} << text;
}

// Asks until it is so, or until the patience ends.
inline bool eventually(const std::function<bool()>& is_so, std::chrono::milliseconds patience = 20s) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

class Folder {  // of its own for one test; gone with it
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "hubproof-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class Process {
 public:
  // Output goes to LOG.out and LOG.err, input comes from a file.
  Process(std::vector<std::string> command, const std::string& log,
          const std::string& input = "/dev/null")
      : log_{log} {
    std::vector<char*> words;
    for (std::string& word : command) words.push_back(word.data());
    words.push_back(nullptr);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    const int fresh = O_WRONLY | O_CREAT | O_TRUNC;
    ::posix_spawn_file_actions_addopen(&files, 0, input.c_str(), O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, 1, (log + ".out").c_str(), fresh, 0600);
    ::posix_spawn_file_actions_addopen(&files, 2, (log + ".err").c_str(), fresh, 0600);
    const int error = ::posix_spawnp(&pid_, words[0], &files, nullptr, words.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    if (error != 0) {
      pid_ = 0;
      ADD_FAILURE() << "cannot start " << command[0];
    }
  }
  ~Process() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  std::string out() const { return read_file(log_ + ".out"); }
  std::string err() const { return read_file(log_ + ".err"); }
  pid_t pid() const { return pid_; }
  void signal(int number) const {
    if (pid_ != 0) ::kill(pid_, number);
  }
  bool ended() {
    int status = 0;
    if (pid_ == 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return pid_ == 0;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    pid_ = 0;
    return true;
  }
  // Its exit code, or minus the signal that ended it; none: it runs on.
  std::optional<int> wait(std::chrono::milliseconds patience = 20s) {
    eventually([&] { return ended(); }, patience);
    return code_;
  }

 private:
  std::string log_;
  pid_t pid_ = 0;
  std::optional<int> code_;
};

// A connected loopback socket.
class Socket {
 public:
  explicit Socket(std::uint16_t port) : number_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{20, 0};
    ::setsockopt(number_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(number_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    connected_ = ::connect(number_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~Socket() { ::close(number_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool connected() const { return connected_; }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(number_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // What is there, after waiting for something; nothing: it has ended.
  std::string receive() {
    std::string bytes(65'536, '\0');
    const ssize_t got = ::recv(number_, bytes.data(), bytes.size(), 0);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }
  std::string receive_all() {
    std::string all;
    for (std::string some; !(some = receive()).empty();) all += some;
    return all;
  }
  void end_of_sending() { ::shutdown(number_, SHUT_WR); }
  // There is something to receive, or the end.
  bool readable(std::chrono::milliseconds patience) const {
    pollfd one{number_, POLLIN, 0};
    return ::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(patience.count(), 0))) > 0;
  }

 private:
  int number_;
  bool connected_ = false;
};

// A port that nobody else gets while this lives: bound, but not listening. It lies below those that systems give to outgoing
// connections (32768 and on, where nobody changed it): while a server restarts, one of these could take its port.
class TakenPort {
 public:
  explicit TakenPort(bool listening = false)
      : number_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    std::random_device generator;
    for (int tries = 0; tries < 100; ++tries) {
      where.sin_port = htons(static_cast<std::uint16_t>(20'000 + generator() % 12'000));
      if (::bind(number_, reinterpret_cast<const sockaddr*>(&where), size) == 0) break;
    }
    if (listening) ::listen(number_, 1);
    ::getsockname(number_, reinterpret_cast<sockaddr*>(&where), &size);
    port_ = ntohs(where.sin_port);
  }
  ~TakenPort() { ::close(number_); }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  std::uint16_t port() const { return port_; }
  int number() const { return number_; }  // of the socket

 private:
  int number_;
  std::uint16_t port_ = 0;
};

inline std::uint16_t free_port() { return TakenPort{}.port(); }

}  // namespace hubproof::tests
