// A ReplicaSet whose servers, their measures and the time are simulated.
#include "automation/replica_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "base/fault_file_system.h"
#include "base/json_text.h"
#include "base/simulation.h"
#include "base/time.h"

namespace gfr {
namespace {

using testing::ElementsAre;

// One server's process, as the machine below has it.
struct SimulatedServer {
  int number = 0, port = 0;
  bool is_owner = false, answers = true, drains = true;
  std::vector<std::string> command;
  std::vector<int> signals;
  std::int64_t start_ms = 0, ready_ms = 0, end_ms = INT64_MAX;  // Of MonotonicMs().
  SubprocessEnd end;
  bool told = false;  // Its line was read.
  double feeds = 0;

  bool has_ended() const { return MonotonicMs() >= end_ms; }
  bool serves() const { return MonotonicMs() >= ready_ms && !has_ended(); }
  void End(std::int64_t after_ms, SubprocessEnd how) {
    if (MonotonicMs() + after_ms >= end_ms) return;
    end_ms = MonotonicMs() + after_ms;
    end = how;
  }
  void Crash() { End(0, {.killed = true, .code = SIGSEGV}); }
};

// The machine: starts servers, and shares a load of feeds among those that serve.
class SimulatedMachine {
 public:
  double feeds_per_minute = 0;
  std::int64_t start_ms = 500;  // What a server's start takes.
  std::vector<std::shared_ptr<SimulatedServer>> servers;

  StartReplica Starter() {
    return [this](const SubprocessOptions& options) -> Result<std::unique_ptr<ReplicaProcess>> {
      auto server = std::make_shared<SimulatedServer>();
      server->number = static_cast<int>(servers.size());
      server->command = options.command;
      server->is_owner = std::ranges::find(options.command, "--owner") == options.command.end();
      const auto listen = std::ranges::find(options.command, "--listen");
      const int asked = std::stoi((listen + 1)->substr(std::string("127.0.0.1:").size()));
      server->port = asked != 0 ? asked : 9000 + server->number;
      server->start_ms = MonotonicMs();
      server->ready_ms = MonotonicMs() + start_ms;
      servers.push_back(server);
      return std::unique_ptr<ReplicaProcess>(std::make_unique<Process>(server));
    };
  }
  std::shared_ptr<HttpCaller> Caller() { return std::make_shared<Measures>(*this); }
  SimulatedServer& owner() {
    return **std::find_if(servers.rbegin(), servers.rend(), [](const auto& s) { return s->is_owner; });
  }
  std::vector<SimulatedServer*> Serving() {
    std::vector<SimulatedServer*> serving;
    for (const auto& s : servers) {
      if (s->serves()) serving.push_back(s.get());
    }
    return serving;
  }

 private:
  class Process final : public ReplicaProcess {
   public:
    explicit Process(std::shared_ptr<SimulatedServer> of) : of_(std::move(of)) {}
    ~Process() override { of_->End(0, {.killed = true, .code = SIGKILL}); }
    long id() const override { return 100 + of_->number; }
    void Signal(int signal) override {
      if (of_->has_ended()) return;
      of_->signals.push_back(signal);
      if (signal == SIGKILL) of_->End(0, {.killed = true, .code = SIGKILL});
      if ((signal == SIGUSR1 || signal == SIGTERM) && of_->drains) of_->End(2000, {});
    }
    std::optional<SubprocessEnd> Wait(std::int64_t deadline_ms) override {
      if (!of_->has_ended()) (void)WaitUntil(std::min(deadline_ms, of_->end_ms));
      return of_->has_ended() ? std::optional(of_->end) : std::nullopt;
    }
    Result<std::string> ReadLine(std::int64_t deadline_ms) override {
      if (!of_->serves()) (void)WaitUntil(std::min(deadline_ms, of_->ready_ms));
      if (!of_->serves() || of_->told) return Error{ErrorCode::kUnavailable, "no line yet"};
      of_->told = true;
      return "listening on http://127.0.0.1:" + std::to_string(of_->port);
    }

   private:
    const std::shared_ptr<SimulatedServer> of_;
  };

  class Measures final : public HttpCaller {
   public:
    explicit Measures(SimulatedMachine& machine) : machine_(machine) {}
    Result<HttpAnswer> Send(const HttpCall& call, const std::stop_token&) override {
      const auto serving = machine_.Serving();
      const std::int64_t now_ms = MonotonicMs();
      for (SimulatedServer* s : serving)
        s->feeds += machine_.feeds_per_minute / 60'000 * static_cast<double>(now_ms - at_ms_) /
                    static_cast<double>(serving.size());
      at_ms_ = now_ms;
      for (SimulatedServer* s : serving) {
        if (call.url.starts_with("http://127.0.0.1:" + std::to_string(s->port) + "/") && s->answers)
          return HttpAnswer{.status = 200, .body = "gfr_feeds_total " + std::to_string(s->feeds) + "\n"};
      }
      return Error{ErrorCode::kUnavailable, "nobody answers"};
    }

   private:
    SimulatedMachine& machine_;
    std::int64_t at_ms_ = MonotonicMs();
  };
};

class ReplicaSetTest : public testing::Test {
 protected:
  // `body` is given a set whose owner serves.
  void Simulate(const ScalingRules& rules, const std::function<void(ReplicaSet&)>& body) {
    Simulation simulation({.seed = 7});
    simulation.Run([&] {
      SimulatedMachine machine;
      FaultFileSystem disk(1);
      const WallClock clock;
      machine_ = &machine;
      disk_ = &disk;
      ReplicaSet set({.command = {"gfr", "serve"},
                      .project_folder = "p",
                      .drain_ms = 20'000,
                      .fs = &disk,
                      .clock = &clock,
                      .start = machine.Starter(),
                      .caller = machine.Caller()},
                     rules);
      ASSERT_TRUE(set.StartOwner([] { return false; }).ok());
      body(set);
    });
  }
  static void RunFor(ReplicaSet& set, std::int64_t ms) {
    for (const std::int64_t end_ms = MonotonicMs() + ms; MonotonicMs() < end_ms;) {
      set.Tick();
      (void)WaitUntil(MonotonicMs() + 100);
    }
  }
  nlohmann::json File(const std::string& name) {
    return ParseJson<nlohmann::json>(disk_->ReadAll("p/data/" + name).value(), /*throws=*/false);
  }
  std::size_t serving() { return machine_->Serving().size(); }

  static constexpr ScalingRules kRules{
      .min_replicas = 1, .max_replicas = 3, .requests_per_minute = 600, .in_cooldown_ms = 60'000};
  SimulatedMachine* machine_ = nullptr;
  FaultFileSystem* disk_ = nullptr;
};

TEST_F(ReplicaSetTest, GrowsWithTheLoadAndDrainsTheYoungestReaderWhenTheLoadIsGone) {
  Simulate(kRules, [&](ReplicaSet& set) {
    machine_->feeds_per_minute = 1500;
    RunFor(set, 60'000);
    ASSERT_EQ(serving(), 3u);
    EXPECT_EQ(File("replicas.json")["desired"], 3);
    machine_->feeds_per_minute = 10;
    RunFor(set, 200'000);
    EXPECT_EQ(serving(), 1u);
    EXPECT_THAT(machine_->servers[0]->signals, ElementsAre()) << "the owner";
    for (const int reader : {1, 2}) EXPECT_THAT(machine_->servers[reader]->signals, ElementsAre(SIGUSR1));
    EXPECT_EQ(machine_->servers.size(), 3u);
  });
}

TEST_F(ReplicaSetTest, NamesTheAddressOfEachServerThatServesAsPrometheusReadsThem) {
  Simulate({.min_replicas = 2, .max_replicas = 2}, [&](ReplicaSet& set) {
    RunFor(set, 10'000);
    const auto targets = File("replicas.targets.json");
    ASSERT_EQ(targets.size(), 2u) << targets.dump();
    EXPECT_EQ(targets[0]["labels"]["replica"], "owner");
    EXPECT_EQ(targets[1]["labels"]["replica"], "reader-1");
    EXPECT_EQ(targets[1]["targets"][0], "127.0.0.1:" + std::to_string(machine_->servers[1]->port));
    set.Stop();
    EXPECT_FALSE(disk_->Exists("p/data/replicas.targets.json"));
  });
}

TEST_F(ReplicaSetTest, ACrashedReaderIsStartedAgainLaterEachTimeAndOneThatEndedByItselfAtOnce) {
  Simulate({.min_replicas = 2, .max_replicas = 2}, [&](ReplicaSet& set) {
    RunFor(set, 5000);
    std::vector<std::int64_t> waited_s;
    for (int crash = 0; crash < 9; ++crash) {
      const std::int64_t crashed_ms = MonotonicMs();
      machine_->servers.back()->Crash();
      for (const std::size_t before = machine_->servers.size(); machine_->servers.size() == before;) RunFor(set, 100);
      waited_s.push_back((machine_->servers.back()->start_ms - crashed_ms) / kSecondMs);
      RunFor(set, 2000);
    }
    EXPECT_THAT(waited_s, ElementsAre(1, 2, 4, 8, 16, 32, 60, 60, 60));
    RunFor(set, 61'000);  // A minute without a crash begins anew.
    const std::int64_t crashed_ms = MonotonicMs();
    machine_->servers.back()->Crash();
    RunFor(set, 3000);
    EXPECT_EQ((machine_->servers.back()->start_ms - crashed_ms) / kSecondMs, 1);
    const std::int64_t ended_ms = MonotonicMs();
    machine_->servers.back()->End(0, {});
    RunFor(set, 1000);
    EXPECT_LT(machine_->servers.back()->start_ms - ended_ms, 500);
  });
}

TEST_F(ReplicaSetTest, AnOwnerThatCrashedComesBackAtItsPortAndReadersThatStartMeanwhileWaitForIt) {
  Simulate({.min_replicas = 2, .max_replicas = 2}, [&](ReplicaSet& set) {
    RunFor(set, 5000);
    const int port = machine_->owner().port;
    machine_->start_ms = 20'000;
    machine_->owner().Crash();
    machine_->servers[1]->Crash();
    RunFor(set, 15'000);
    EXPECT_EQ(machine_->servers.size(), 3u) << "the owner alone is starting";
    EXPECT_TRUE(machine_->servers[2]->is_owner);
    EXPECT_EQ(machine_->servers[2]->port, port);
    RunFor(set, 40'000);
    EXPECT_EQ(serving(), 2u);
    EXPECT_THAT(machine_->servers[3]->command,
                testing::IsSupersetOf({std::string("--owner"), "127.0.0.1:" + std::to_string(port)}));
  });
}

TEST_F(ReplicaSetTest, AServerThatDoesNotAnswerForAMinuteIsKilledAndReplaced) {
  Simulate({.min_replicas = 2, .max_replicas = 2}, [&](ReplicaSet& set) {
    RunFor(set, 5000);
    SimulatedServer& silent = *machine_->servers[1];
    silent.answers = false;
    RunFor(set, 55'000);
    EXPECT_TRUE(silent.serves());
    RunFor(set, 15'000);
    EXPECT_THAT(silent.signals, ElementsAre(SIGKILL));
    EXPECT_EQ(serving(), 2u);
  });
}

TEST_F(ReplicaSetTest, ADrainThatDoesNotEndIsCutAfterItsTime) {
  Simulate(kRules, [&](ReplicaSet& set) {
    machine_->feeds_per_minute = 1000;
    RunFor(set, 30'000);
    ASSERT_EQ(serving(), 2u);
    SimulatedServer& reader = *machine_->servers[1];
    reader.drains = false;
    machine_->feeds_per_minute = 0;
    while (reader.signals.empty()) RunFor(set, 1000);
    const std::int64_t asked_ms = MonotonicMs();
    while (!reader.has_ended()) RunFor(set, 1000);
    EXPECT_THAT(reader.signals, ElementsAre(SIGUSR1, SIGKILL));
    EXPECT_NEAR(static_cast<double>(MonotonicMs() - asked_ms), 30'000, 2000) << "drain_ms and what an end takes";
    EXPECT_TRUE(machine_->owner().serves());
  });
}

TEST_F(ReplicaSetTest, StopEndsTheReadersBeforeTheOwnerAndWaitsForItsSnapshot) {
  Simulate({.min_replicas = 3, .max_replicas = 3}, [&](ReplicaSet& set) {
    RunFor(set, 5000);
    ASSERT_EQ(serving(), 3u);
    machine_->servers[2]->drains = false;
    set.Stop();
    EXPECT_EQ(serving(), 0u);
    EXPECT_THAT(machine_->servers[2]->signals, ElementsAre(SIGTERM, SIGKILL));
    EXPECT_THAT(machine_->owner().signals, ElementsAre(SIGTERM));
    EXPECT_GE(machine_->owner().end_ms, machine_->servers[1]->end_ms);
    EXPECT_TRUE(machine_->owner().end.ok());
  });
}

TEST_F(ReplicaSetTest, AnOwnerThatEndsBeforeItServesIsSaidAndNothingIsStartedAgain) {
  Simulation simulation({.seed = 7});
  simulation.Run([&] {
    SimulatedMachine machine;
    FaultFileSystem disk(1);
    const WallClock clock;
    ReplicaSet set({.command = {"gfr", "serve"},
                    .project_folder = "p",
                    .fs = &disk,
                    .clock = &clock,
                    .start =
                        [&](const SubprocessOptions& options) {
                          auto started = machine.Starter()(options);
                          machine.servers.back()->End(100, {.killed = false, .code = 1});
                          return started;
                        },
                    .caller = machine.Caller()},
                   kRules);
    const Status status = set.StartOwner([] { return false; });
    EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(status.error().message.find("ended with code 1"), std::string::npos) << status.error().message;
    EXPECT_EQ(machine.servers.size(), 1u);
  });
}

}  // namespace
}  // namespace gfr
