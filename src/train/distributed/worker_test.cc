#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <set>
#include <thread>

#include "base/rng.h"
#include "train/distributed/train_worker.h"
#include "train/distributed/worker_job.h"
#include "train/distributed/worker_pool.h"
#include "train/test_rows.h"

namespace gfr {
namespace {

struct Connected {
  Connected() {
    auto listener = WorkerListener::Open("127.0.0.1:0").value();
    near = WorkerConnection::Open(listener->address(), 60).value();
    far = listener->Accept(60'000).value();
  }
  std::unique_ptr<WorkerConnection> near, far;
};

TEST(WorkerConnection, GivesMessagesWholeAndInOrder) {
  const Connected c;
  const std::string large(3'000'000, 'x');
  std::thread sender([&] {
    for (int i = 0; i < 20; ++i)
      EXPECT_TRUE(c.near->Send(std::to_string(i), std::string_view(large).substr(0, i * 150'000u)).ok());
  });
  for (int i = 0; i < 20; ++i) {
    const auto received = c.far->Receive();
    ASSERT_TRUE(received.ok()) << received.error().message;
    EXPECT_EQ(received.value().head, std::to_string(i));
    EXPECT_EQ(received.value().body.size(), i * 150'000u);
  }
  sender.join();
}

TEST(WorkerConnection, SaysWhenTheOtherSideIsGone) {
  Connected c;
  c.near.reset();
  EXPECT_EQ(c.far->Receive().error().code, ErrorCode::kUnavailable);
}

TEST(WorkerConnection, RefusesAMessageThatIsTooLargeBeforeItTakesMemoryForIt) {
  const Connected c;
  ASSERT_TRUE(c.near->Send("{}", std::string(5000, 'x')).ok());
  EXPECT_EQ(c.far->Receive(4096).error().code, ErrorCode::kUnavailable);
}

TEST(WorkerConnection, AnAddressWithoutAPortIsRefused) {
  EXPECT_EQ(WorkerConnection::Open("127.0.0.1", 0).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(WorkerListener::Open("203.0.113.77:1").error().code, ErrorCode::kInvalidArgument);  // Not of this machine.
}

TEST(WorkerPool, AWorkerThatEndsBeforeItJoinsIsNamed) {
  const auto pool = WorkerPool::Start({.local = 2, .command = {"/bin/false"}});
  ASSERT_FALSE(pool.ok());
  EXPECT_EQ(pool.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(pool.error().message, testing::HasSubstr("ended with code 1"));
}

TEST(WorkerPool, WhoIsNotAWorkerIsNotTakenAndDoesNotStopOthers) {
  // A guess at the secret, noise, and silence that hangs up; then nobody: all are refused, and the wait ends.
  // A port below those that connections are given: nobody takes it by chance before it is listened at again.
  std::string address;
  for (int port = 20'000 + ::getpid() % 10'000; address.empty(); ++port) {
    if (const auto free = WorkerListener::Open("127.0.0.1:" + std::to_string(port)); free.ok())
      address = free.value()->address();
  }
  std::thread strangers([&] {
    for (const char* head : {R"({"hello":1,"token":"a guess"})", "noise", R"([1])", R"({"hello":"x"})", ""}) {
      const auto c = WorkerConnection::Open(address, 10);
      if (c.ok() && *head) (void)c.value()->Send(head);
    }
  });
  const auto pool = WorkerPool::Start({.remote = 1, .listen = address, .token = "secret", .join_timeout_s = 2});
  strangers.join();
  ASSERT_FALSE(pool.ok());
  EXPECT_THAT(pool.error().message, testing::HasSubstr("0 of 1 workers joined"));
}

TEST(WorkerJob, ComesBackAsItWasSent) {
  const WorkerJob job{.tracker = R"({"dmlc_tracker_uri":"127.0.0.1"})",
                      .columns = 7,
                      .requests = true,
                      .negatives = 0.3,
                      .params = {.depth = 9, .eta = 0.07, .subsample = 0.8, .threads = 3, .seed = 11}};
  const auto back = WorkerJob::FromJson(job.ToJson());
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back.value().ToJson(), job.ToJson());
  EXPECT_EQ(back.value().tracker, job.tracker);
  EXPECT_EQ(back.value().params.eta, 0.07);
  EXPECT_EQ(WorkerJob::FromJson("{}").error().code, ErrorCode::kCorrupt);
}

TEST(DealRows, EveryWorkerGetsItsPartAndARequestGoesToOne) {
  Rng rng(3);
  std::vector<std::uint64_t> requests;
  for (int i = 0; i < 5000; ++i) requests.push_back(rng.Below(700));
  const RequestGroups groups(requests);
  const std::vector<float> labels(requests.size());
  TrainMatrix m{.count = labels.size(), .columns = 1, .labels = labels.data(), .weights = nullptr};
  for (const bool grouped : {false, true}) {
    m.requests = grouped ? &groups : nullptr;
    for (const int workers : {1, 2, 3, 7}) {
      const auto dealt = DealRows(m, workers).value();
      std::vector<std::size_t> rows(static_cast<std::size_t>(workers));
      std::map<std::uint64_t, std::set<int>> workers_of;
      for (std::size_t i = 0; i < dealt.size(); ++i) {
        ++rows.at(dealt[i]);
        workers_of[requests[i]].insert(dealt[i]);
      }
      for (const std::size_t n : rows) EXPECT_NEAR(static_cast<double>(n), 5000.0 / workers, 30);
      for (const auto& [request, on] : workers_of) EXPECT_TRUE(!grouped || on.size() == 1) << request;
    }
  }
  EXPECT_EQ(DealRows({.count = 2, .columns = 1, .labels = labels.data(), .weights = nullptr}, 3).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(MatrixShare, HoldsTheRowsOfItsBlocks) {
  const WorkerJob job{.columns = 2, .requests = true, .weights = true};
  MatrixShare share(job);
  RowBlock block{.values = {1, 2, 3, 4}, .labels = {0, 1}, .weights = {0.5f, 2}, .requests = {9, 9}};
  ASSERT_TRUE(share.Add(block.ToBytes(), 2).ok());
  block.Clear();
  block = {.values = {5, NAN}, .labels = {1}, .weights = {3}, .requests = {4}};
  ASSERT_TRUE(share.Add(block.ToBytes(), 1).ok());
  EXPECT_EQ(share.Add(block.ToBytes(), 2).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(share.Add("", 0).error().code, ErrorCode::kCorrupt);
  const TrainMatrix m = share.matrix();
  EXPECT_EQ(m.count, 3u);
  EXPECT_THAT(std::vector<float>(m.labels, m.labels + 3), testing::ElementsAre(0, 1, 1));
  EXPECT_THAT(std::vector<float>(m.weights, m.weights + 3), testing::ElementsAre(0.5f, 2, 3));
  EXPECT_EQ(m.requests->size(), 2u);
  for (int pass = 0; pass < 2; ++pass) {
    m.rows->Reset();
    EXPECT_THAT(m.rows->Next().value(), testing::ElementsAre(1, 2, 3, 4));
    EXPECT_THAT(m.rows->Next().value(), testing::ElementsAre(5, testing::IsNan()));
    EXPECT_TRUE(m.rows->Next().value().empty());
  }
}

}  // namespace
}  // namespace gfr
