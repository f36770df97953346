// Where the sources and the program under test are. Compiled in one file, so that no other object
// depends on where the checkout lies.
#pragma once

#include <string>

namespace hubproof::tests {

const std::string& source_dir();
const std::string& program_file();

}  // namespace hubproof::tests
