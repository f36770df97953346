// A history written while it grows, participants included: the first line has room to spare, and is
// written anew when somebody joins.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "model/history.hpp"

namespace hubproof::tools {

class HistoryFile {
 public:
  // Null and a problem in words when the file cannot be written.
  static std::unique_ptr<HistoryFile> open(const std::string& path, std::string& problem);

  void write(const model::History& header, const model::Event& event);
  bool failed() const { return failed_; }

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void write_header(const model::History& header);

  std::unique_ptr<std::FILE, Closer> file_;
  model::History written_;  // the header as it is in the file
  std::size_t room_ = 0;
  bool failed_ = false;
};

}  // namespace hubproof::tools
