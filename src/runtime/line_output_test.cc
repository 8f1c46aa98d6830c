#include "runtime/line_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace gfr {
namespace {

class LineOutputTest : public testing::Test {
 protected:
  LineOutputTest() {
    EXPECT_EQ(::pipe2(pipe_, O_CLOEXEC), 0);
    EXPECT_EQ(::fcntl(pipe_[0], F_SETFL, O_NONBLOCK), 0);
  }
  ~LineOutputTest() override {
    for (const int fd : pipe_) ::close(fd);
  }
  std::string Read() {
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(pipe_[0], buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    return text;
  }
  int pipe_[2] = {-1, -1};
};

TEST_F(LineOutputTest, LinesThatAreReadAreWhole) {
  LineOutput out(pipe_[1]);
  EXPECT_TRUE(out.Write("one\n"));
  const std::string two = std::string(20'000, 'x') + "\n";
  EXPECT_TRUE(out.Write(two));
  EXPECT_EQ(Read(), "one\n" + two);
  EXPECT_EQ(out.dropped(), 0u);
}

TEST_F(LineOutputTest, WhatNobodyReadsIsDroppedAndCountedAndLaterLinesStandForThemselves) {
  LineOutput out(pipe_[1]);
  const std::string line = std::string(99, 'x') + "\n";
  std::uint64_t written = 0;
  for (int n = 0; n < 10'000; ++n) written += out.Write(line);
  EXPECT_GT(written, 0u);
  EXPECT_EQ(out.dropped() + written, 10'000u);
  EXPECT_GT(out.dropped(), 0u);
  EXPECT_FALSE(out.Write(std::string(10'000, 'y') + "\n"));
  std::string all = Read();
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), static_cast<std::ptrdiff_t>(written));
  EXPECT_TRUE(out.Write("again\n"));
  all = Read();
  EXPECT_TRUE(all == "again\n" || all.ends_with("\nagain\n")) << all.substr(0, 100);
}

TEST_F(LineOutputTest, ALineThatCouldNotEndIsEndedBeforeTheNextOne) {
  LineOutput out(pipe_[1]);
  EXPECT_FALSE(out.Write(std::string(1 << 20, 'x') + "\n"));
  (void)Read();
  EXPECT_TRUE(out.Write("next\n"));
  EXPECT_EQ(Read(), "\nnext\n");
}

TEST_F(LineOutputTest, AClosedPipeDropsWithoutWaiting) {
  LineOutput out(-1);
  EXPECT_FALSE(out.Write("lost\n"));
  EXPECT_EQ(out.dropped(), 1u);
}

}  // namespace
}  // namespace gfr
