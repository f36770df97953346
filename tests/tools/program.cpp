#include "tests/tools/program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace hubproof::tests {

namespace fs = std::filesystem;

std::string file_text(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

fs::path scratch(const std::string& name) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  std::string own = std::string{test->test_suite_name()} + "." + test->name();
  for (char& c : own)
    if (c == '/') c = '_';
  const fs::path folder = fs::path{testing::TempDir()} / ("hubproof-" + own + "-" + std::to_string(getpid()));
  fs::create_directories(folder);
  return folder / name;
}

fs::path scratch_file(const std::string& name, const std::string& text) {
  const fs::path file = scratch(name);
  std::ofstream{file, std::ios::binary} << text;
  return file;
}

Outcome program(const std::vector<std::string>& arguments, const Surroundings& surroundings) {
  const fs::path out = scratch("stdout"), err = scratch("stderr");
  const pid_t process = fork();
  if (process == 0) {
    if (chdir(surroundings.folder.c_str()) != 0) _exit(126);
    const int into_out = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int into_err = open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(into_out, STDOUT_FILENO);
    dup2(into_err, STDERR_FILENO);
    std::vector<std::string> words{program_file()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const auto pointers = [](std::vector<std::string>& list) {
      std::vector<char*> all;
      for (std::string& one : list) all.push_back(one.data());
      all.push_back(nullptr);
      return all;
    };
    std::vector<std::string> variables = surroundings.environment;
    if (variables.empty()) {
      execv(program_file().c_str(), pointers(words).data());
    } else {
      execve(program_file().c_str(), pointers(words).data(), pointers(variables).data());
    }
    _exit(127);
  }
  if (surroundings.interrupt_after_ms > 0) {
    usleep(static_cast<useconds_t>(surroundings.interrupt_after_ms) * 1000);
    kill(process, SIGINT);
  }
  int status = 0;
  waitpid(process, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), file_text(out), file_text(err)};
}

}  // namespace hubproof::tests
