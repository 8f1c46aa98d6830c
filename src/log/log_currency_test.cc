#include "log/log_currency.h"

#include <gtest/gtest.h>

#include "base/fault_file_system.h"
#include "log/event_log.h"

namespace gfr {
namespace {

void AddOfCurrency(FileSystem& fs, const std::vector<std::string>& currencies) {
  const FixedClock clock(5000);
  const auto log = EventLog::Open(fs, clock, {.folder = "log"});
  ASSERT_TRUE(log.ok());
  for (const std::string& currency : currencies) {
    const std::string id = std::to_string(log.value()->next_offset());
    ASSERT_TRUE(log.value()
                    ->Append({{.id = id,
                               .source = "shop",
                               .type = EventType::kPurchase,
                               .user_id = "u",
                               .items = {{.item_id = "i"}},
                               .currency = currency}})
                    .ok());
  }
}

std::string CurrencyIn(FileSystem& fs) {
  LocalLog log(fs, "log");
  const auto currency = CurrencyOf(fs, log, "currency");
  EXPECT_TRUE(currency.ok());
  return currency.value();
}

TEST(LogCurrency, IsThatOfTheFirstEventThatNamesOneAndIsLookedForOnlyInWhatIsNew) {
  FaultFileSystem fs(1);
  AddOfCurrency(fs, {"", ""});
  EXPECT_EQ(CurrencyIn(fs), "");
  EXPECT_EQ(fs.ReadAll("currency").value(), "2");
  AddOfCurrency(fs, {"", "EUR", "JPY"});
  EXPECT_EQ(CurrencyIn(fs), "EUR");
  EXPECT_EQ(fs.ReadAll("currency").value(), "3");
  EXPECT_EQ(CurrencyIn(fs), "EUR");
  ASSERT_TRUE(PublishFile(fs, "currency", "nonsense").ok());
  EXPECT_EQ(CurrencyIn(fs), "EUR");
  ASSERT_TRUE(PublishFile(fs, "currency", "99").ok());
  EXPECT_EQ(CurrencyIn(fs), "EUR") << "a note of another log";
}

}  // namespace
}  // namespace gfr
