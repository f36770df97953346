#include "tools/output.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <filesystem>

#include "tests/support/paths.hpp"
#include "tests/support/process.hpp"

namespace hubproof::tools {
namespace {

namespace fs = std::filesystem;

TEST(WriteFile, WhatWasThereOutlivesADiskThatIsFull) {
  const tests::Folder folder;
  const std::string path = folder / "bundle.json";
  ASSERT_TRUE(write_file(path, "first"));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit full{8, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  EXPECT_FALSE(write_file(path, std::string(100, 'x')));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(tests::read_file(path), "first");
  EXPECT_FALSE(fs::exists(path + ".part"));
  EXPECT_TRUE(write_file(path, std::string(100, 'x')));
  EXPECT_EQ(tests::read_file(path).size(), 100U);
}

TEST(WriteFile, WritesToADeviceInPlace) {
  EXPECT_TRUE(write_file("/dev/null", "x"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_FALSE(write_file("/dev/full", "x"));
}

TEST(MayBeWritten, LeavesNoFileBehind) {
  const tests::Folder folder;
  EXPECT_TRUE(may_be_written(folder / "later"));
  EXPECT_FALSE(fs::exists(folder / "later"));
  EXPECT_FALSE(may_be_written(folder / "no-such-folder/later"));
}

}  // namespace
}  // namespace hubproof::tools
