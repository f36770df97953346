// The program under test, as a user starts it: arguments in, exit code and both outputs out.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/paths.hpp"

namespace hubproof::tests {

struct Outcome {
  int code = -1;             // 128 + n: ended by signal n
  std::string out;
  std::string err;
};

struct Surroundings {
  std::vector<std::string> environment;  // replaces all of it, when not empty
  std::filesystem::path folder = source_dir();
  int interrupt_after_ms = 0;            // ^C then
};

Outcome program(const std::vector<std::string>& arguments, const Surroundings& surroundings = {});

std::string file_text(const std::filesystem::path& file);

// A file in a folder of this test's own.
std::filesystem::path scratch(const std::string& name);
std::filesystem::path scratch_file(const std::string& name, const std::string& text);

}  // namespace hubproof::tests
