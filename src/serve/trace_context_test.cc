#include "serve/trace_context.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

constexpr char kHeader[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";  // The recommendation's example.

TEST(TraceContext, IsReadAndGoesOnWithASpanOfItsOwn) {
  const auto context = TraceContext::Parse(kHeader);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(context->parent_id, "00f067aa0ba902b7");
  const std::string call = context->ForCall();
  const auto next = TraceContext::Parse(call);
  ASSERT_TRUE(next) << call;
  EXPECT_EQ(next->trace_id, context->trace_id);
  EXPECT_NE(next->parent_id, context->parent_id);
  EXPECT_EQ(next->flags, "01");
  EXPECT_NE(context->ForCall(), call);
  EXPECT_EQ(NewTraceId().size(), 32u);
  EXPECT_NE(NewTraceId(), NewTraceId());
}

TEST(TraceContext, WhatIsNotValidIsNone) {
  const std::string good = kHeader;
  std::string upper = good, zero_trace = good, zero_parent = good, later = good, unknown = good;
  upper[5] = 'F';
  zero_trace.replace(3, 32, 32, '0');
  zero_parent.replace(36, 16, 16, '0');
  later.replace(0, 2, "01");
  unknown.replace(0, 2, "ff");
  for (const std::string& bad : {std::string(), good.substr(1), good + "-01", good + "x", upper, zero_trace,
                                 zero_parent, unknown, good.substr(0, 54), later + "x"})
    EXPECT_FALSE(TraceContext::Parse(bad)) << bad;
  EXPECT_TRUE(TraceContext::Parse(later));
  EXPECT_TRUE(TraceContext::Parse(later + "-more"));
}

}  // namespace
}  // namespace gfr
