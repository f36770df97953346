// Where results go, and what a terminal may be shown.
#pragma once

#include <string>

#include "tools/campaign.hpp"

namespace hubproof::tools {

bool colour_wanted();                      // standard output is a terminal, and NO_COLOR is not set

// All of it on standard output. False: it could not be written, and standard error says why.
bool print(const std::string& text);
bool write_file(const std::string& path, const std::string& text);
bool make_folder(const std::string& verb, const std::string& path);  // false: standard error says why
bool may_be_written(const std::string& path);  // asked before long work; leaves what is there

// A line on standard error that renews itself, if that is a terminal and the run takes long.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  void show(const Progress& progress);
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
};
std::string progress_text(const Progress& progress);

// While it lives ^C asks for the end instead of being it; a second ^C is.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  static bool asked();
};

}  // namespace hubproof::tools
