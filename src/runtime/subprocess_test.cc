#include "runtime/subprocess.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "base/clock.h"
#include "base/sync.h"

namespace gfr {
namespace {

using testing::HasSubstr;
using enum SubprocessOptions::Stream;

constexpr std::int64_t kPatienceMs = 60'000;

std::int64_t Patience() { return MonotonicMs() + kPatienceMs; }

Result<SubprocessResult> Sh(const std::string& script, std::size_t max_output_bytes = 1000) {
  return RunSubprocess({.command = {"sh", "-c", script},
                        .environment = {},
                        .out = kRead,
                        .err = kRead,
                        .max_output_bytes = max_output_bytes},
                       Patience());
}

TEST(Subprocess, GivesOutputAndEnd) {
  const auto done = Sh("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(done.value().out, "out\n");
  EXPECT_EQ(done.value().err, "err\n");
  EXPECT_FALSE(done.value().end.ok());
  EXPECT_EQ(done.value().end.ToString(), "ended with code 3");
  EXPECT_EQ(Sh("kill -9 $$").value().end.ToString(), "killed by signal 9 (Killed)");
  EXPECT_TRUE(Sh("true").value().end.ok());
}

TEST(Subprocess, GivesTheChildOneMoreDescriptorAsItsNumberThree) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const int far = ::fcntl(ends[1], F_DUPFD_CLOEXEC, 50);
  for (const int given : {far, ends[1]}) {
    // Without a pipe, whose ends the shell would have for a moment.
    const auto done = RunSubprocess({.command = {"sh", "-c", "echo here >&3 && ls /proc/$$/fd && true"},
                                     .environment = {},
                                     .out = kRead,
                                     .listener = given},
                                    Patience());
    ASSERT_TRUE(done.ok() && done.value().end.ok());
    EXPECT_EQ(done.value().out, "0\n1\n2\n3\n");
    char got[6] = {};
    ASSERT_EQ(::read(ends[0], got, 5), 5);
    EXPECT_STREQ(got, "here\n");
  }
  for (const int fd : {far, ends[0], ends[1]}) ::close(fd);
}

TEST(Subprocess, OutputIsBoundedAndTheChildIsNotHeldUp) {
  const auto done = Sh("yes x | head -c 3000000; yes y | head -c 5 >&2", 100);
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(done.value().out.size(), 100u);
  EXPECT_EQ(done.value().err, "y\ny\ny");
  EXPECT_TRUE(done.value().truncated);
  EXPECT_TRUE(done.value().end.ok());
}

TEST(Subprocess, HasNoDescriptorNoSignalMaskAndNoHandlerOfThisProcess) {
  const int leaks = ::open("/dev/null", O_RDONLY);  // As a library would: without O_CLOEXEC.
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto old = std::signal(SIGPIPE, SIG_IGN);
  const auto done = Sh("ls /proc/self/fd | wc -l; grep -E 'SigBlk|SigIgn' /proc/self/status");
  std::signal(SIGPIPE, old);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(leaks);
  ASSERT_TRUE(done.ok()) << done.error().message;
  std::istringstream out(done.value().out);
  std::string streams, blocked_name, ignored_name;
  std::uint64_t blocked_signals = 0, ignored_signals = 0;
  out >> streams >> blocked_name >> std::hex >> blocked_signals >> ignored_name >> ignored_signals;
  EXPECT_EQ(streams, "4") << "three, and the one by which ls reads; " << leaks;
  EXPECT_EQ(blocked_name + ignored_name, "SigBlk:SigIgn:");
  EXPECT_EQ(blocked_signals, 0u);
  // Signals 32 and 33 are libc's own: it lets nobody set them, and a program may be started with them ignored.
  EXPECT_EQ(ignored_signals & ~(std::uint64_t{3} << 31), 0u) << done.value().out;
}

TEST(Subprocess, TheEnvironmentIsThisOneWithWhatIsGiven) {
  ::setenv("GFR_TEST_KEPT", "kept", 1);
  ::setenv("GFR_TEST_OTHER", "old", 1);
  const auto done = RunSubprocess({.command = {"sh", "-c", "echo $GFR_TEST_KEPT $GFR_TEST_OTHER $GFR_TEST_NEW"},
                                   .environment = {"GFR_TEST_OTHER=other", "GFR_TEST_NEW=new"},
                                   .out = kRead},
                                  Patience());
  EXPECT_EQ(done.value().out, "kept other new\n");
}

TEST(Subprocess, TheEnvironmentCanBeWhatIsNamedAlone) {
  ::setenv("GFR_TEST_KEPT", "kept", 1);
  ::setenv("GFR_TEST_SECRET", "secret", 1);
  const auto done = RunSubprocess({.command = {"/usr/bin/env"},
                                   .environment = {"GFR_TEST_NEW=new"},
                                   .inherit = std::vector<std::string>{"GFR_TEST_KEPT"},
                                   .out = kRead},
                                  Patience());
  EXPECT_EQ(done.value().out, "GFR_TEST_KEPT=kept\nGFR_TEST_NEW=new\n");
}

TEST(Subprocess, IsNicedAndLimitedInItsMemory) {
  const int own = ::getpriority(PRIO_PROCESS, 0);
  const auto done = RunSubprocess({.command = {"sh", "-c", "nice; ulimit -v"},
                                   .environment = {},
                                   .out = kRead,
                                   .nice = 7,
                                   .max_memory_bytes = 512u << 20},
                                  Patience());
  EXPECT_EQ(done.value().out, std::to_string(std::min(19, own + 7)) + "\n" + std::to_string(512 * 1024) + "\n");
  EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), own) << "this process stays as it was";
}

TEST(Subprocess, GivesLinesAsTheyComeAndTheLastOne) {
  const auto child =
      Subprocess::Start({.command = {"sh", "-c", "echo one; echo; printf last"}, .environment = {}, .out = kRead})
          .value();
  EXPECT_EQ(child->ReadLine(Patience()).value(), "one");
  EXPECT_EQ(child->ReadLine(Patience()).value(), "");
  EXPECT_EQ(child->ReadLine(Patience()).value(), "last");
  EXPECT_EQ(child->ReadLine(Patience()).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(child->Wait(Patience())->ok());
}

TEST(Subprocess, WaitsEndAtTheDeadlineAndAtAStop) {
  const auto child =
      Subprocess::Start({.command = {"sleep", "1000"}, .environment = {}, .out = kRead, .err = kDiscard}).value();
  EXPECT_FALSE(child->Wait(MonotonicMs() + 10));
  EXPECT_EQ(child->ReadLine(MonotonicMs() + 10).error().code, ErrorCode::kUnavailable);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(child->Wait(Patience(), stop.get_token()));
  EXPECT_EQ(child->ReadLine(Patience(), stop.get_token()).error().code, ErrorCode::kUnavailable);
  const auto run = RunSubprocess({.command = {"sleep", "1000"}, .environment = {}, .out = kRead}, MonotonicMs() + 10);
  EXPECT_EQ(run.error().code, ErrorCode::kUnavailable);
  child->Signal(SIGKILL);
  EXPECT_EQ(child->Wait(Patience())->ToString(), "killed by signal 9 (Killed)");
}

TEST(Subprocess, IsEndedWithItsObject) {
  pid_t id = 0;
  {
    const auto child = Subprocess::Start({.command = {"sleep", "1000"}, .environment = {}}).value();
    id = static_cast<pid_t>(child->id());
    EXPECT_EQ(::kill(id, 0), 0);
  }
  EXPECT_EQ(::kill(id, 0), -1);
}

TEST(Subprocess, WhatIsNoProgramIsAnError) {
  for (const char* name : {"", "gfr-no-such-program", "/no/such/program"})
    EXPECT_EQ(Subprocess::Start({.command = {name}, .environment = {}}).error().code, ErrorCode::kNotFound) << name;
  EXPECT_EQ(Subprocess::Start({.command = {"/etc/passwd"}, .environment = {}}).error().code, ErrorCode::kUnavailable);
}

// Run by the test below as a process of its own: starts a child on a thread that ends, and is killed.
TEST(SubprocessHelper, DISABLED_IsKilledBesideItsChild) {
  std::unique_ptr<Subprocess> child;
  Thread("starts", [&] {
    child = Subprocess::Start({.command = {"sleep", "1000"}, .environment = {}}).value();
  }).Join();
  std::printf("child %ld %d\n", child->id(), !child->Wait(MonotonicMs() + 50));
  std::fflush(stdout);
  ::kill(::getpid(), SIGKILL);
}

TEST(Subprocess, OutlivesTheThreadThatStartedItButNotItsProcess) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // The grandchild becomes this process's, so that its end can be seen.
  const auto parent = Subprocess::Start({.command = {"/proc/self/exe", "--gtest_also_run_disabled_tests",
                                                     "--gtest_filter=SubprocessHelper.*"},
                                         .environment = {},
                                         .out = kRead})
                          .value();
  int child = 0, lives = 0;
  while (child == 0) {
    const auto line = parent->ReadLine(Patience());
    ASSERT_TRUE(line.ok()) << line.error().message;
    std::sscanf(line.value().c_str(), "child %d %d", &child, &lives);
  }
  EXPECT_EQ(lives, 1) << "it ended with the thread that started it";
  EXPECT_EQ(parent->Wait(Patience())->ToString(), "killed by signal 9 (Killed)");
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

}  // namespace
}  // namespace gfr
