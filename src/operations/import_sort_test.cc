#include "operations/import_sort.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.h"

namespace gfr {
namespace {

Event ViewAt(std::int64_t time_ms, const std::string& user) {
  return {.id = "view-" + std::to_string(time_ms),
          .source = "shop",
          .type = EventType::kItemView,
          .time_ms = time_ms,
          .user_id = user,
          .items = {{.item_id = "i"}}};
}
// The alias that a row of that login on the device "d" says.
Event SaidAt(std::int64_t time_ms, const std::string& login) { return RowAlias(ViewAt(time_ms, login), "d"); }

std::vector<std::string> Sorted(ImportSort& sort) {
  EXPECT_TRUE(sort.Sort().ok());
  std::vector<std::string> all;
  std::int64_t at_ms = 0;
  for (Event e; sort.Next(&e, &at_ms).value();)
    all.push_back((e.type == EventType::kUserAlias ? e.kind + " is " : "") + e.user_id + " at " +
                  std::to_string(at_ms));
  return all;
}

TEST(ImportSort, OfTheAliasesOfRowsThoseStayThatChangeADeviceInTheOrderOfArrivalOverAllFiles) {
  FaultFileSystem fs(1);
  const auto sort = ImportSort::Open(fs, "tmp", 1u << 20).value();
  // Two files: the second has what lies between.
  for (const auto& [time_ms, login] : std::vector<std::pair<std::int64_t, std::string>>{
           {30, "ann"}, {10, "ann"}, {11, "ann"}, {50, "ann"}, {20, "bob"}, {21, "bob"}, {60, "ann"}})
    ASSERT_TRUE(sort->Add(SaidAt(time_ms, login)).ok());
  EXPECT_THAT(Sorted(*sort), testing::ElementsAre("d is ann at 10", "d is bob at 20", "d is ann at 30"));
  EXPECT_EQ(sort->left_out(), 4u);
  EXPECT_EQ(sort->by_type()[static_cast<std::size_t>(EventType::kUserAlias)], 3u);
}

TEST(ImportSort, AnAliasThatStandsInTheLogOrHasAnIdOfItsOwnIsNeverLeftOut) {
  FaultFileSystem fs(1);
  const auto sort = ImportSort::Open(fs, "tmp", 1u << 20).value();
  ASSERT_TRUE(sort->AddOld(SaidAt(10, "ann"), 10).ok());
  ASSERT_TRUE(sort->AddOld(SaidAt(20, "ann"), 20).ok());
  Event named = SaidAt(40, "ann");
  named.id = "login-7";
  ASSERT_TRUE(sort->Add(SaidAt(30, "ann")).ok());
  ASSERT_TRUE(sort->Add(named).ok());
  ASSERT_TRUE(sort->Add(ViewAt(35, "ann")).ok());
  EXPECT_THAT(Sorted(*sort), testing::ElementsAre("d is ann at 10", "d is ann at 20", "ann at 35", "d is ann at 40"));
}

}  // namespace
}  // namespace gfr
