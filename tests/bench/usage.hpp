// What another process has used, as the kernel counts it.
#pragma once

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace hubproof::bench {

struct Usage {
  double cpu = 0;  // seconds
  long memory = 0; // KiB
  long files = 0;  // open descriptors
};

inline Usage usage_of(const char* pid) {
  Usage found;
  std::ifstream stat{std::string{"/proc/"} + pid + "/stat"};
  std::string text{std::istreambuf_iterator<char>{stat}, {}};
  std::istringstream fields{text.substr(std::min(text.rfind(')') + 1, text.size()))};
  std::string field;
  for (int i = 3; i <= 15 && fields >> field; ++i)
    if (i == 14 || i == 15) found.cpu += std::atof(field.c_str()) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::ifstream status{std::string{"/proc/"} + pid + "/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) found.memory = std::atol(line.c_str() + 6);
  if (DIR* const open = ::opendir((std::string{"/proc/"} + pid + "/fd").c_str())) {
    while (::readdir(open) != nullptr) ++found.files;
    ::closedir(open);
    found.files -= 2;  // . and ..
  }
  return found;
}

}  // namespace hubproof::bench
