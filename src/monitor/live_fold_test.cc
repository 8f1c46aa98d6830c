#include "monitor/live_fold.h"

#include <gtest/gtest.h>

#include <cmath>

#include "monitor/live_judgement.h"
#include "monitor/test_rows.h"

namespace gfr {
namespace {

constexpr LiveFold::Label kClicks{EventType::kFeedClick, 30 * kMinuteMs};

std::vector<ComparedColumn> NumberedColumns() {
  std::vector<ComparedColumn> columns = TestRows::Columns();
  for (std::size_t c = 0; c < columns.size(); ++c) columns[c].fingerprint = c + 1;
  return columns;
}

References ReferencesOfDays(std::uint64_t seed, int days, double requests) {
  const TestRows made = TestRows::Make(seed, 0, days, requests);
  return {MakeReference("pctr", NumberedColumns(), made.rows(), INT64_MIN, INT64_MAX),
          {MakePrior("pctr", made.rows())}};
}

float ScoreOf(const TestRows& made, std::size_t row) {
  return 0.1f / (1 + made.features[row * TestRows::kColumns + TestRows::kPrice] / 40);
}

// What a server logs of these rows: a slate, its impression a second later, and a click a minute later of each row with
// a label. In order of arrival.
std::vector<LogRecord> RecordsOf(const TestRows& made, const std::string& model) {
  std::vector<LogRecord> records;
  std::vector<std::uint64_t> fingerprints;
  for (std::size_t c = 0; c < TestRows::kColumns; ++c) fingerprints.push_back(c + 1);
  for (std::size_t first = 0; first < made.label.size(); first += 5) {
    Event event{.user_id = "u" + std::to_string(first % 7), .request_id = "r" + std::to_string(made.request[first])};
    event.context = {{.name = "city", .text = first % 2 == 0 ? "Rome" : "Oslo"}};
    for (int i = 0; i < 5; ++i) event.items.push_back({.item_id = "i" + std::to_string(i), .index = i});
    const auto add = [&](EventType type, std::int64_t after_ms) {
      event.type = type;
      records.push_back({.arrival_ms = made.arrival_ms[first] + after_ms, .event = event});
    };
    ServedSlate slate{.positions = {{}}, .models = {{model}}, .feature_fingerprint = 9};
    SetColumns(fingerprints,
               {made.features.begin() + static_cast<std::ptrdiff_t>(first * TestRows::kColumns),
                made.features.begin() + static_cast<std::ptrdiff_t>((first + 5) * TestRows::kColumns)},
               5, AllItems(5), &slate);
    slate.scored = AllItems(5);
    slate.scores = {{.objective = "pctr", .values = {}}};
    for (std::size_t i = 0; i < 5; ++i) {
      slate.scores[0].values.push_back(ScoreOf(made, first + i));
      slate.value.push_back(3 * ScoreOf(made, first + i));
    }
    event.served = std::move(slate);
    add(EventType::kFeedRequest, -1000);
    event.served = {};
    add(EventType::kFeedImpression, 0);
    const std::vector<EventItem> items = event.items;
    for (std::size_t i = 0; i < 5; ++i) {
      if (made.label[first + i] < 0.5f) continue;
      event.items = {items[i]};
      add(EventType::kFeedClick, kMinuteMs);
    }
  }
  std::ranges::stable_sort(records, {}, &LogRecord::arrival_ms);
  for (std::size_t i = 0; i < records.size(); ++i) records[i].offset = i;
  return records;
}

TEST(LiveFold, CountsWhatADatasetOfTheSameRowsCounts) {
  const References references = ReferencesOfDays(1, 10, 20);
  const TestRows made = TestRows::Make(2, 10, 13, 20);
  LiveFold fold(references.features, "feed/1", kClicks);
  for (const LogRecord& record : RecordsOf(made, "feed/1")) fold.Fold(record);
  fold.Advance(made.arrival_ms.back() + kDayMs);
  EXPECT_EQ(fold.windows(), CountWindows(references.features, TestRows::At(), made.rows(), 0, INT64_MAX));
  EXPECT_EQ(fold.label_windows(), CountWindows(references.priors[0], {0}, LabelsOf(made.rows()), 0, INT64_MAX));
  EXPECT_EQ(fold.left_out(), 0u);
}

TEST(LiveFold, CountsProbabilitiesAndLabelsBySlice) {
  const References references = ReferencesOfDays(1, 10, 20);
  const TestRows made = TestRows::Make(2, 10, 12, 20);
  LiveFold fold(references.features, "feed/1", kClicks);
  for (const LogRecord& record : RecordsOf(made, "feed/1")) fold.Fold(record);
  fold.Advance(made.arrival_ms.back() + kDayMs);
  std::map<std::string, SliceSums> by_name, expected;
  for (const auto& [hour, sums] : fold.slices().hours()) {
    for (std::size_t id = 0; id < sums.size(); ++id) {
      const std::string& name = fold.slices().names()[id];
      by_name[std::isnan(LiveSlices::ScoreOf(name)) ? name : "scores"].Add(sums[id]);
    }
  }
  for (std::size_t i = 0; i < made.label.size(); ++i) {
    const std::uint64_t p = SliceSums::Fixed(ScoreOf(made, i));
    const SliceSums row{1, p, 1, p, made.label[i] > 0.5f ? 1u : 0u};
    for (const char* name : {"all", "scores", i / 5 * 5 % 2 == 0 ? "city=Rome" : "city=Oslo"}) expected[name].Add(row);
  }
  EXPECT_EQ(by_name, expected);
}

TEST(LiveFold, CountsTheValuePromisedAndTheValueThatLabelsBrought) {
  const References references = ReferencesOfDays(1, 10, 20);
  const TestRows made = TestRows::Make(2, 10, 12, 20);
  LiveFold fold(references.features, "feed/1", kClicks), restored(references.features, "feed/1", kClicks);
  for (const LogRecord& record : RecordsOf(made, "feed/1")) fold.Fold(record);
  fold.Advance(made.arrival_ms.back() + kDayMs);
  ASSERT_TRUE(restored.Restore(fold.Encode()).ok());
  double expected = 0, positives = 0;
  for (std::size_t i = 0; i < made.label.size(); ++i) {
    expected += 3 * static_cast<double>(ScoreOf(made, i));
    positives += made.label[i] > 0.5f;
  }
  for (const LiveFold* of : {&fold, &restored}) {
    const LiveValues::Hour sum = of->values().Between(INT64_MIN, INT64_MAX);
    EXPECT_EQ(sum.served.rows, made.label.size());
    EXPECT_NEAR(sum.served.expected, expected, 1e-4 * expected);
    EXPECT_NEAR(sum.labelled.expected, expected, 1e-4 * expected);
    EXPECT_NEAR(sum.labelled.measured, 3 * positives, 1e-4 * positives);
    EXPECT_EQ(sum.served.measured, 0);
  }
}

TEST(LiveFold, TakesTheProbabilityForAColumn) {
  const TestRows before = TestRows::Make(1, 0, 10, 20), made = TestRows::Make(2, 10, 12, 20);
  const auto with_scores = [](const TestRows& rows, std::vector<float>* scores) {
    for (std::size_t i = 0; i < rows.label.size(); ++i) scores->push_back(ScoreOf(rows, i));
    ReferenceRows with = rows.rows();
    with.prediction = *scores;
    return with;
  };
  std::vector<float> scores_before, scores_after;
  std::vector<ComparedColumn> columns = NumberedColumns();
  columns.push_back({PredictionName("pctr"), kPredictionPlace, kPredictionFingerprint});
  const Reference reference = MakeReference("pctr", columns, with_scores(before, &scores_before), INT64_MIN, INT64_MAX);
  EXPECT_TRUE(reference.columns.back().grows) << "it is judged against the week before";
  EXPECT_FALSE(reference.columns.back().of_request);
  std::vector<std::size_t> at = TestRows::At();
  at.push_back(kPredictionPlace);
  LiveFold fold(reference, "feed/1", kClicks);
  for (const LogRecord& record : RecordsOf(made, "feed/1")) fold.Fold(record);
  EXPECT_EQ(fold.windows(), CountWindows(reference, at, with_scores(made, &scores_after), 0, INT64_MAX));
}

TEST(LiveFold, GoesOnFromItsBytesAsIfItHadNeverStopped) {
  const References references = ReferencesOfDays(1, 8, 10);
  const std::vector<LogRecord> records = RecordsOf(TestRows::Make(2, 8, 9, 10), "feed/1");
  LiveFold whole(references.features, "feed/1", kClicks);
  for (const LogRecord& record : records) whole.Fold(record);
  for (std::size_t stop = 1; stop < records.size(); stop += 37) {
    LiveFold before(references.features, "feed/1", kClicks), after(references.features, "feed/1", kClicks);
    for (std::size_t i = 0; i < stop; ++i) before.Fold(records[i]);
    const Status restored = after.Restore(before.Encode());
    ASSERT_TRUE(restored.ok()) << restored.error().message;
    EXPECT_LE(after.next(), stop);
    for (std::size_t i = after.next(); i < records.size(); ++i) after.Fold(records[i]);
    ASSERT_EQ(after.Encode(), whole.Encode()) << stop;
  }
}

TEST(LiveFold, ASlateThatIsLeftOutIsCountedOnceHoweverOftenAServerStarts) {
  const References references = ReferencesOfDays(1, 8, 5);
  LogRecord slate = RecordsOf(TestRows::Make(2, 8, 9, 1), "feed/1").at(0);
  std::vector<LogRecord> records;
  for (std::size_t i = 0; i < LiveFold::kMostWaiting + 3; ++i) {
    slate.offset = i;
    slate.event.request_id = "r" + std::to_string(i);
    records.push_back(slate);
  }
  LiveFold fold(references.features, "feed/1", kClicks);
  for (const LogRecord& record : records) fold.Fold(record);
  EXPECT_EQ(fold.left_out(), 3u);
  LiveFold again(references.features, "feed/1", kClicks);
  ASSERT_TRUE(again.Restore(fold.Encode()).ok());
  for (std::size_t i = again.next(); i < records.size(); ++i) again.Fold(records[i]);
  EXPECT_EQ(again.left_out(), 3u);
}

TEST(LiveFold, AnImpressionAnHourAfterItsSlateIsNotCounted) {
  const References references = ReferencesOfDays(1, 8, 5);
  const std::vector<LogRecord> records = RecordsOf(TestRows::Make(2, 8, 9, 1), "feed/1");
  LogRecord slate = records.at(0), impression = records.at(1);
  ASSERT_EQ(slate.event.type, EventType::kFeedRequest);
  ASSERT_EQ(impression.event.type, EventType::kFeedImpression);
  for (const std::int64_t late_ms : {LiveFold::kWaitMs - 1, LiveFold::kWaitMs}) {
    LiveFold fold(references.features, "feed/1", kClicks);
    fold.Fold(slate);
    impression.arrival_ms = slate.arrival_ms + late_ms;
    fold.Fold(impression);
    fold.Advance(impression.arrival_ms + kDayMs);
    EXPECT_EQ(fold.windows().empty(), late_ms == LiveFold::kWaitMs);
  }
}

TEST(LiveFold, ALabelCountsForAsLongAsItsWindowAlsoWhereThatIsLong) {
  const References references = ReferencesOfDays(1, 8, 5);
  const std::vector<LogRecord> records = RecordsOf(TestRows::Make(2, 8, 9, 1), "feed/1");
  const LogRecord slate = records.at(0), impression = records.at(1);
  constexpr LiveFold::Label kBought{EventType::kPurchase, 6 * kHourMs};
  for (const std::int64_t late_ms : {5 * kHourMs, 7 * kHourMs}) {
    LogRecord purchase = impression, other = slate;
    purchase.event.type = EventType::kPurchase;
    purchase.event.items.resize(1);
    purchase.arrival_ms = impression.arrival_ms + late_ms;
    other.event.request_id = "another";  // Time goes on: what is settled loses its bins.
    other.arrival_ms = impression.arrival_ms + 4 * kHourMs;
    LiveFold fold(references.features, "feed/1", kBought);
    for (const LogRecord* record : {&slate, &impression, static_cast<const LogRecord*>(&other)}) fold.Fold(*record);
    EXPECT_TRUE(fold.label_windows().empty()) << "they may still come";
    fold.Fold(purchase);
    fold.Advance(impression.arrival_ms + fold.settle_ms() + kHourMs);
    ASSERT_EQ(fold.label_windows().size(), 1u);
    const ReferenceWindow labels = fold.label_windows()[0];
    EXPECT_EQ(labels.rows, 5u);
    EXPECT_EQ(labels.counts[1], late_ms < 6 * kHourMs ? 1u : 0u);
    EXPECT_EQ(fold.windows().size(), 1u);
  }
}

TEST(LiveFold, GoesOnFromItsBytesAlsoWhereLabelsComeLate) {
  const References references = ReferencesOfDays(1, 8, 10);
  const std::vector<LogRecord> records = RecordsOf(TestRows::Make(2, 8, 9, 4), "feed/1");
  constexpr LiveFold::Label kLate{EventType::kFeedClick, 8 * kHourMs};
  LiveFold whole(references.features, "feed/1", kLate);
  for (const LogRecord& record : records) whole.Fold(record);
  for (std::size_t stop = 1; stop < records.size(); stop += 41) {
    LiveFold before(references.features, "feed/1", kLate), after(references.features, "feed/1", kLate);
    for (std::size_t i = 0; i < stop; ++i) before.Fold(records[i]);
    ASSERT_TRUE(after.Restore(before.Encode()).ok());
    for (std::size_t i = after.next(); i < records.size(); ++i) after.Fold(records[i]);
    ASSERT_EQ(after.Encode(), whole.Encode()) << stop;
  }
}

TEST(LiveFold, OfTooManySlatesThatWaitForLabelsTheNewerOnesHaveNone) {
  const References references = ReferencesOfDays(1, 8, 5);
  const std::vector<LogRecord> records = RecordsOf(TestRows::Make(2, 8, 9, 1), "feed/1");
  LogRecord slate = records.at(0), impression = records.at(1);
  LiveFold fold(references.features, "feed/1", {EventType::kFeedClick, kDayMs});
  const std::int64_t began_ms = slate.arrival_ms;
  // A slate each 700 ms: 10,286 are fresh, and 123,429 come within a day.
  constexpr std::uint64_t kSlates = LiveFold::kMostLabelled + 20'000;
  for (std::uint64_t i = 0; i < kSlates; ++i) {
    for (LogRecord* record : {&slate, &impression}) {
      record->event.request_id = "r" + std::to_string(i);
      record->arrival_ms = began_ms + static_cast<std::int64_t>(i) * 700;
      record->offset = 2 * i;
      fold.Fold(*record);
    }
  }
  fold.Advance(slate.arrival_ms + 3 * kDayMs);
  EXPECT_EQ(fold.left_out(), 0u);
  std::uint64_t labelled = 0;
  for (const auto& [hour, sums] : fold.slices().hours()) labelled += sums[LiveSlices::kAll].labelled;
  EXPECT_EQ(labelled, 5 * LiveFold::kMostLabelled);
}

TEST(LiveFold, LeavesOutOtherModelsAndItemsThatWereNotSeen) {
  const References references = ReferencesOfDays(1, 8, 5);
  std::vector<LogRecord> records = RecordsOf(TestRows::Make(2, 8, 9, 5), "feed/2");
  LiveFold other(references.features, "feed/1", kClicks), unseen(references.features, "feed/2", kClicks);
  for (const LogRecord& record : records) {
    other.Fold(record);
    if (record.event.type != EventType::kFeedImpression) unseen.Fold(record);
  }
  other.Advance(INT64_MAX / 2);
  unseen.Advance(INT64_MAX / 2);
  EXPECT_TRUE(other.windows().empty());
  EXPECT_TRUE(unseen.windows().empty());
  EXPECT_TRUE(unseen.label_windows().empty());
}

TEST(LiveFold, RefusesBytesOfOthers) {
  const References references = ReferencesOfDays(1, 8, 5), others = ReferencesOfDays(3, 8, 5);
  const LiveFold fold(references.features, "feed/1", kClicks);
  LiveFold of_other_model(references.features, "feed/2", kClicks), of_other_bins(others.features, "feed/1", kClicks);
  EXPECT_EQ(of_other_model.Restore(fold.Encode()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(of_other_bins.Restore(fold.Encode()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(of_other_bins.Restore(fold.Encode().substr(0, 9)).error().code, ErrorCode::kCorrupt);
}

// Judges live days after 28 days of training.
LiveJudgement JudgeLiveDays(int days, const TestRows::Fault& fault) {
  static const References references = ReferencesOfDays(1, 28, 60);
  const TestRows made = TestRows::Make(1, 28, 28 + days, 60, fault);
  return JudgeLive(references, CountWindows(references.features, TestRows::At(), made.rows(), 0, INT64_MAX),
                   CountWindows(references.priors[0], {0}, LabelsOf(made.rows()), 0, INT64_MAX), "feed/1",
                   {.min_rows = 200});
}

std::int64_t LiveDayMs(double day) {
  return TestRows::kStartMs + static_cast<std::int64_t>((28 + day) * static_cast<double>(kDayMs));
}

TEST(JudgeLive, ComparesColumnsOfTheRequestWithTrainingAtOnce) {
  const LiveJudgement judged = JudgeLiveDays(2, [](std::int64_t at, float* row, double*) {
    if (at >= LiveDayMs(1)) row[TestRows::kLoyalty] *= 3;
  });
  ASSERT_EQ(judged.alerts.size(), 1u);
  EXPECT_EQ(judged.alerts[0].name, "loyalty");
  EXPECT_EQ(judged.columns.front().name, "loyalty");
  EXPECT_EQ(judged.notes.size(), 1u);
}

TEST(JudgeLive, TellsAModelsOtherChoicesOnceAndAlertsOnWhatMovesLater) {
  const auto dearer = [](std::int64_t, float* row, double*) { row[TestRows::kPrice] *= 2; };  // Since the promotion.
  const LiveJudgement quiet = JudgeLiveDays(10, dearer);
  EXPECT_TRUE(quiet.alerts.empty());
  const auto price = std::ranges::find(quiet.policy_shift, "price", &ColumnDrift::name);
  ASSERT_NE(price, quiet.policy_shift.end());
  EXPECT_GT(price->distances.psi, 0.5);
  const LiveJudgement moved = JudgeLiveDays(
      10, [](std::int64_t at, float* row, double*) { row[TestRows::kPrice] *= at < LiveDayMs(9) ? 2.0f : 6.0f; });
  ASSERT_EQ(moved.alerts.size(), 1u);
  EXPECT_EQ(moved.alerts[0].name, "price");
}

TEST(JudgeLive, NamesAPredictionThatMovesAlone) {
  const auto with_scores = [](const TestRows& rows, double factor, std::vector<float>* scores) {
    for (std::size_t i = 0; i < rows.label.size(); ++i)
      scores->push_back(ScoreOf(rows, i) * static_cast<float>(rows.arrival_ms[i] < LiveDayMs(9) ? 1 : factor));
    ReferenceRows with = rows.rows();
    with.prediction = *scores;
    return with;
  };
  std::vector<ComparedColumn> columns = NumberedColumns();
  columns.push_back({PredictionName("pctr"), kPredictionPlace, kPredictionFingerprint});
  std::vector<std::size_t> at = TestRows::At();
  at.push_back(kPredictionPlace);
  std::vector<float> scores_before;
  const TestRows before = TestRows::Make(1, 0, 28, 60), made = TestRows::Make(1, 28, 38, 60);
  const References references{
      MakeReference("pctr", columns, with_scores(before, 1, &scores_before), INT64_MIN, INT64_MAX), {}};
  for (const double factor : {1.0, 1.5}) {
    std::vector<float> scores;
    const LiveJudgement judged =
        JudgeLive(references, CountWindows(references.features, at, with_scores(made, factor, &scores), 0, INT64_MAX),
                  {}, "feed/1", {.min_rows = 200});
    ASSERT_EQ(judged.alerts.size(), factor > 1 ? 1u : 0u);
    if (factor == 1) continue;
    EXPECT_EQ(judged.alerts[0].kind, AlertKind::kPrediction);
    EXPECT_EQ(judged.alerts[0].name, "prediction of pctr");
    EXPECT_LE(judged.alerts[0].found_ms, LiveDayMs(9) + 8 * kHourMs) << "nights have few rows";
  }
}

TEST(JudgeLive, NamesABaseRateThatHalved) {
  const LiveJudgement judged = JudgeLiveDays(4, [](std::int64_t at, float*, double* rate) {
    if (at >= LiveDayMs(2)) *rate *= 0.5;
  });
  ASSERT_EQ(judged.alerts.size(), 1u);
  EXPECT_EQ(judged.alerts[0].kind, AlertKind::kPrior);
  EXPECT_EQ(judged.alerts[0].name, "pctr");
  EXPECT_EQ(judged.alerts[0].metric, "base_rate");
  EXPECT_LT(judged.alerts[0].value, judged.alerts[0].expected);
  EXPECT_LE(judged.alerts[0].found_ms, LiveDayMs(3));
  EXPECT_NEAR(judged.base_rate / judged.reference_base_rate, 0.5, 0.1);
}

}  // namespace
}  // namespace gfr
