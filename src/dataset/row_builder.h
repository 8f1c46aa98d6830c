// RowBuilder: rows with labels, and slates, of the records of some users: all of the log's, or one partition's.
//
// Await() is told of every label event that names no request, by record or by person and item. Then two passes over the
// same records in log order: Index() finds what labels what, Replay() folds the records into the store and reads each
// row strictly before its own event. Labels: docs/ARCHITECTURE.md. A click that names its request labels that request's
// impression from the request on, also when it stands before the impression. So an imported request is read before
// itself and before every impression and label event that names it: no feature knows the labels of its own request.
// REQUIRES: all records of a user (and of the ids joined to it) are given, and `people` knows all aliases of the log: a
// purchase after a login labels the anonymous click before it. An event of nobody (log/erase_user.h) is folded, and
// makes no row and no label. Thread safety: none.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/item_parents.h"
#include "dataset/negative_sampler.h"
#include "dataset/row_values.h"
#include "event/alias_history.h"
#include "event/event_rules.h"
#include "state/epoch_starts.h"

namespace gfr {

// What a RowBuilder makes, in log order; slates when their first click comes. A choice's features are its pool's. In a
// feature of type position rows of impressions have the place shown, all others its reference.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void Row(std::size_t objective, const RowPlace& place, bool label, std::span<const float> features) = 0;
  virtual void Slate(SlateRow slate, std::span<const float> features) = 0;
  virtual void Choice(const ChoiceRow&, std::span<const float>) {}
  virtual void Dropped(std::size_t /*objective*/, DropReason, std::uint64_t /*lines*/) {}
  Status status;  // Its first error: what comes after is not kept, and the replay ends.
};

class RowBuilder {
 public:
  RowBuilder(const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options, const AliasHistory& people,
             const ItemParents& parents, OnlineStore& store, RowSink& sink);
  // Values come from `values` where it has them, and those that rows use are given to it. The store stands where it can
  // fold on: records before it are replayed for their rows, and not folded. `first_offset`: of the log. Call it before
  // Index. Records of types outside replayed_types() need not be given to Replay where they are not folded.
  void UseValues(RowValues* values, std::uint64_t first_offset);
  // Slates that had not read all of their epoch make no rows then. Call it before Index.
  void JudgeSlatesBy(std::shared_ptr<const EpochStarts> starts) { epoch_starts_ = std::move(starts); }
  void Await(const LogRecord& record);
  void Await(Key person, Key item) { latest_impression_.Get(PairKey(person, item)); }
  void Index(const LogRecord& record);
  // `end_ms`: arrival of the log's last record, by which rows are mature or not.
  void Replay(const LogRecord& record, std::int64_t end_ms);
  // Types of the records that Await and Index have a use for; others need not be given.
  std::uint32_t awaited_types() const;
  std::uint32_t indexed_types() const;
  std::uint32_t replayed_types() const;
  // The latest epoch that a read asked for so far. What is read also depends on the epochs that folding brings, which
  // are the records' own: where two replays agree in this and in the records, they read the same.
  std::int64_t epoch_end_ms() const { return epoch_end_ms_; }
  // Requests that were read before the last record before `offset` are opened, though no record was given since.
  void CatchUp(std::uint64_t offset) { OpenWaitingBefore(offset > 0 ? offset - 1 : 0); }
  void Finish();  // After the last record: requests that were served behind it.

  // Where the values that the sink is being given were read; with UseValues.
  const ItemsRead& values_of() const { return values_of_; }
  // What the records before an offset leave behind for those from there on, so that another RowBuilder can begin there:
  // IndexState when Index was given all before it, ReplayState when Replay was and CatchUp of the offset. The other one
  // makes the same rows of records that come a day (kOpenRequestMs) or more behind the offset, and of no others, where
  // no record from the offset on is of a request that was read before it (read_from). REQUIRES: slates are not sampled.
  std::string IndexState() const;
  std::string ReplayState(std::int64_t arrival_ms) const;  // `arrival_ms`: of the record at the offset.
  // False: these are no such states.
  bool Restore(std::string_view index_state, std::string_view replay_state);
  // Behind which record the request of the record that Index was given last is read; UINT64_MAX: it is no request.
  std::uint64_t read_from() const { return read_from_; }

 private:
  // A place filled by chance: which item of the request, out of which.
  struct Drawn {
    std::size_t row;
    std::vector<std::size_t> pool;
    float propensity;
    bool swapped = false;  // The pool is the pair: itself, and the one below.
  };
  // A request's slate with the features read for it, until its impressions and clicks have come.
  struct OpenRequest {
    std::vector<Key> items;
    std::vector<float> features, popularity;  // As of the request's epoch.
    std::vector<std::uint64_t> touched;       // Offset + 1 of the session's last touch of each item; 0: none.
    std::uint64_t offset;                     // Of the request: label events that name it stand behind.
    std::int64_t arrival_ms, as_of, now_ms;
    bool shown = false, clicked = false;
    Key early_click = 0;  // The item of a first click that stands before the impression.
    SlateRow slate;
    std::vector<std::size_t> shown_rows;  // Indexes into items.
    std::vector<Drawn> drawn;             // With DatasetOptions::choices, or RowValues.
    std::int64_t epoch_end_ms = 0;        // Of the read.
    std::vector<bool> used, known;        // By item, with RowValues; `known` is empty when all are.
  };
  using OpenRequests = std::unordered_map<Key, OpenRequest>;  // By RequestOf.
  // Where a label event lies.
  struct LabelPlace {
    Key key;
    std::uint64_t offset;
    std::int64_t time_ms;
  };
  // A request that is read elsewhere than at its own record: after the record `as_of` was folded.
  struct Waiting {
    LogRecord record;
    std::int64_t as_of, now_ms, epoch_end_ms;
  };
  // The first record of the last day that is of a request or names it.
  struct Named {
    std::uint64_t offset;
    std::int64_t arrival_ms;
    bool is_known;  // The request itself has come.
  };
  struct Impression {
    Key request;  // 0: none yet.
    std::int64_t time_ms;
  };
  // What a session touched, for the baseline that ranks by it; forgotten as the store's sessions are.
  struct Touched {
    std::int64_t last_ms = 0;
    std::unordered_map<Key, std::uint64_t> items;  // To offset + 1.
  };

  // What a label event says of the amount of an objective with the link mean; a cancellation's or return's is below 0.
  struct AmountPlace {
    Key key;
    std::uint64_t offset;
    std::int64_t time_ms;
    double amount;
  };

  void SortLabels();
  // `request`: that of the event, or the one that it is taken to be of; 0: none.
  void IndexAmount(std::size_t objective, const LogRecord& record, const EventItem& item, Key user, Key request);
  // The sum over those of `key` after `after_offset` and within `until_ms`, at least 0.
  float AmountOf(std::size_t objective, Key key, std::uint64_t after_offset, std::int64_t until_ms) const;
  // The label event of `key` after `after_offset`, in log order, that is within `until_ms`; null: none.
  const LabelPlace* FindLabel(std::size_t objective, Key key, std::uint64_t after_offset, std::int64_t until_ms) const;
  bool IsLabelled(std::size_t objective, Key key, std::uint64_t after_offset, std::int64_t until_ms) const {
    return FindLabel(objective, key, after_offset, until_ms) != nullptr;
  }
  // RowPlace::led_on of an impression of `item`, which `end_ms` says the age of.
  // `after`: the offset behind which the impression's labels stand.
  float LedOn(std::size_t objective, const LogRecord& record, Key item, std::uint64_t after, std::int64_t end_ms) const;
  bool IsLabelledByRequest(std::size_t objective, const Event& event) const;
  void NoteRequest(const LogRecord& record, Key request);
  // Of label events that name no request: the item, or of orders the parent that its variants share.
  Key LabelItem(std::size_t objective, Key item) const {
    return IsOrder(objectives_[objective].label) ? parents_.Of(item) : item;
  }
  // Under which key labels_ knows what labels `item` of the population event `record`.
  Key LabelKey(std::size_t objective, const LogRecord& record, Key item) const;
  void Touch(const LogRecord& record);
  void OpenWaitingBefore(std::uint64_t offset);
  // `into`: open_, or unmade_, whose requests are read only to be kept.
  void Open(const LogRecord& record, std::int64_t as_of, std::int64_t now_ms, std::int64_t epoch_end_ms,
            OpenRequests* into);
  void OpenImported(const LogRecord& record, OpenRequests* into);
  void ReadRequest(const LogRecord& record, Key key, OpenRequest* open);
  // What rows of `record` could use is read and kept, also if it makes none today.
  void KeepUsed(const LogRecord& record);
  void MarkUsed(const LogRecord& record, OpenRequest& open);
  ReadInstant InstantOf(const OpenRequest& open) const;
  void ReadOwn(const LogRecord& record);  // To own_, strictly before it.
  bool ReadsOwn(std::size_t objective, const LogRecord& record) const;
  void AdvanceTo(std::int64_t epoch_end_ms);
  void Give(OpenRequest& open, bool is_closed) const;
  std::vector<std::uint64_t> TouchedBefore(const LogRecord& record, const std::vector<Key>& items) const;
  void GiveSlate(OpenRequest& open, Key clicked, std::uint64_t offset);
  void Shown(const LogRecord& record);
  void AddChoices(const LogRecord& record, OpenRequest& open);
  void Clicked(const LogRecord& record);
  void AddRows(const LogRecord& record, std::size_t objective, std::int64_t end_ms);
  // Rows of slates that are made for the label event `record`; and, of a share, the slate of all items on sale.
  void AddSampledRows(const LogRecord& record, std::size_t objective);
  void AddSampledRow(const LogRecord& record, std::size_t objective, std::size_t line, const std::vector<Key>& session);
  void AddJudgedSlate(const LogRecord& record, Key item, const std::vector<Key>& session);
  void ReadItems(const LogRecord& record, const std::vector<Key>& items);  // To own_, as the catalogue has them.
  std::vector<Key> TouchedInSession(const LogRecord& record) const;        // Newest first.
  void ForgetBefore(std::int64_t arrival_ms);
  // Whose event it is: a user's, else a session's; its request is one of the same person.
  Key PersonOf(const LogRecord& r) const { return people_.PersonOf(r.event, r.offset); }
  // Under which key touched_ has it: the session, and the person where none is named.
  Key TouchKey(const LogRecord& r) const {
    const Key session = SessionKey(PersonOf(r), KeyOf(r.event.session_id));
    return session != 0 ? session : PersonOf(r);
  }
  // A request stays one when its device changes hands before the click.
  Key RequestOf(const Event& event) const {
    return event.request_id.empty() ? 0 : PairKey(people_.GroupOf(event), KeyOf(event.request_id));
  }

  const std::vector<ObjectiveConfig>& objectives_;
  const DatasetOptions options_;
  const AliasHistory& people_;
  const ItemParents& parents_;
  OnlineStore& store_;
  RowSink& sink_;
  const std::size_t columns_;
  std::shared_ptr<const EpochStarts> epoch_starts_;
  const std::size_t seen_objective_;               // The first whose rows are impressions; objectives_.size(): none.
  std::vector<std::vector<LabelPlace>> labels_;    // Of each objective; sorted by key once Replay has begun.
  std::vector<std::vector<AmountPlace>> amounts_;  // Likewise, of those with the link mean.
  bool indexed_ = false;
  StateTable latest_impression_;  // An Impression of each user and item that a label event without a request names.
  std::multimap<std::int64_t, Waiting> waiting_;  // By as_of.
  std::unordered_map<Key, Named> named_;          // By RequestOf, while Index runs.
  std::deque<std::pair<std::int64_t, Key>> named_since_;
  std::unordered_set<Key> bad_slates_;  // By RequestOf: they are not read.
  OpenRequests open_, unmade_;          // `unmade_`: imported ones of people that are left out.
  std::multimap<std::int64_t, Key> open_since_;
  RowValues* values_ = nullptr;
  std::uint64_t first_offset_, folds_from_;  // Of the log; of the first record that is folded.
  std::int64_t epoch_end_ms_ = INT64_MIN;
  std::uint64_t own_of_ = UINT64_MAX;  // Offset of the record whose items own_ has.
  ReadInstant own_at_ = {};            // Where they were read.
  ItemsRead values_of_ = {};
  std::uint64_t read_from_ = UINT64_MAX;
  std::unordered_map<Key, Touched> touched_;  // By TouchKey.
  std::size_t touched_swept_ = 1024;          // How many sessions the next sweep awaits.
  std::vector<float> own_, at_place_;         // Of AddRows.
  std::optional<NegativeSampler> sampler_;    // With sampled slates.
  std::size_t judged_objective_;              // The first with sampled slates; objectives_.size(): none.
};

}  // namespace gfr
