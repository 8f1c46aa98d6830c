#include "serve/http_connection.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>

namespace gfr {
namespace {

TEST(ReplyGate, WhatBecomesReadyMeanwhileDoesNotWaitForAThousandReplies) {
  boost::asio::io_context io;
  const auto gate = std::make_shared<ReplyGate>();
  gate->io = &io;
  std::vector<std::shared_ptr<HttpExchange>> waiting(1000);
  int given = 0, given_before_probe = -1;
  for (auto& exchange : waiting) {
    exchange = std::make_shared<HttpExchange>();
    exchange->resume = [&given] { ++given; };
    const MutexLock lock(gate->mutex);
    gate->Put(exchange, {.body = "late"});
  }
  boost::asio::post(io, [&] { given_before_probe = given; });
  io.run();
  EXPECT_LE(given_before_probe, 50);
  EXPECT_EQ(given, 1000);
  for (const auto& exchange : waiting) EXPECT_EQ(exchange->response->body, "late");
}

TEST(ReplyGate, AReplyWhoseConnectionHasGoneOrIsAnsweredIsDropped) {
  boost::asio::io_context io;
  const auto gate = std::make_shared<ReplyGate>();
  gate->io = &io;
  const auto answered = std::make_shared<HttpExchange>();
  answered->response = HttpResponse{.body = "first"};
  answered->resume = [] { FAIL() << "it does not wait"; };
  {
    const MutexLock lock(gate->mutex);
    gate->Put(std::make_shared<HttpExchange>(), {});
    gate->Put(answered, {.body = "second"});
  }
  io.run();
  EXPECT_EQ(answered->response->body, "first");
  io.restart();
  const auto next = std::make_shared<HttpExchange>();
  int given = 0;
  next->resume = [&given] { ++given; };
  {
    const MutexLock lock(gate->mutex);
    gate->Put(next, {});
  }
  io.run();
  EXPECT_EQ(given, 1) << "it goes on with the next";
}

}  // namespace
}  // namespace gfr
