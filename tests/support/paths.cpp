#include "tests/support/paths.hpp"

namespace hubproof::tests {

const std::string& source_dir() {
  static const std::string folder = HUBPROOF_SOURCE_DIR;
  return folder;
}

const std::string& program_file() {
  static const std::string file = HUBPROOF_PROGRAM;
  return file;
}

}  // namespace hubproof::tests
