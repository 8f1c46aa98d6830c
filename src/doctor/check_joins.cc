#include <algorithm>

#include "doctor/checks.h"
#include "doctor/share_finding.h"

namespace gfr {
namespace {

// What the followed request ids say of each other.
struct RequestJoins {
  bool sampled;
  std::uint64_t logged, impressions, clicks;  // Events of the whole log; all else is of the ids followed.
  std::uint64_t known = 0, shown = 0, lost_impressions = 0, all_impressions = 0, lost_clicks = 0, all_clicks = 0;
  std::uint64_t before_request = 0, before_impression = 0;
  std::uint64_t clicked_lines = 0, outside = 0, unseen = 0, reused = 0, lines_shown = 0;
  std::vector<std::string> lost_impression_ids, lost_click_ids, reused_ids, before_request_ids;
};

RequestJoins CountJoins(const Observations& o) {
  const auto count_of = [&](EventType type) { return o.by_type[static_cast<std::size_t>(type)]; };
  RequestJoins j{.sampled = o.requests.level() > 0,
                 .logged = count_of(EventType::kFeedRequest),
                 .impressions = count_of(EventType::kFeedImpression),
                 .clicks = count_of(EventType::kFeedClick)};
  const auto example = [](std::vector<std::string>& list, const std::string& id) {
    if (list.size() < kExamples) list.push_back(id);
  };
  for (const auto& [key, r] : o.requests.entries()) {
    j.all_impressions += r.impressions;
    j.all_clicks += r.clicks;
    j.lines_shown += r.shown.size();
    if (r.requests == 0) {
      j.lost_impressions += r.impressions;
      j.lost_clicks += r.clicks;
      if (r.impressions > 0) example(j.lost_impression_ids, r.id);
      if (r.clicks > 0) example(j.lost_click_ids, r.id);
      continue;
    }
    ++j.known;
    j.before_request += r.before_request;
    if (r.before_request > 0) example(j.before_request_ids, r.id);
    if (r.impressions > 0) j.before_impression += r.before_impression;
    j.shown += r.impressions > 0;
    if (r.requests > 1) {
      ++j.reused;
      example(j.reused_ids, r.id);
    }
    for (const Key item : r.clicked) {
      ++j.clicked_lines;
      const bool in_slate = std::ranges::find(r.slate, item) != r.slate.end();
      j.outside += !in_slate;
      j.unseen += in_slate && std::ranges::find(r.shown, item) == r.shown.end();
    }
  }
  return j;
}

void AddShown(const RequestJoins& j, std::vector<Finding>& out) {
  Finding f = ShareFinding(
      "request.not_shown", j.known - j.shown, j.known, 0.5, 0.98, j.sampled, "feed requests have no impression",
      "Slates that were made but of which no client said that they were seen.",
      "Some are normal (prefetched, scrolled past). Many: the client does not send feed.impression with the request_id "
      "of its feed; or set [feed] impressions = \"on_serve\".");
  if (j.logged == 0) {
    f.severity = Severity::kLook;
    f.text = "the log has no feed.request at all";
    f.meaning = "Without slates nothing can be learnt of what was offered and not taken; joins cannot be checked.";
    f.action = "Serve feeds through gfr, which logs them, or map the other system's slates to feed.request.";
  }
  out.push_back(std::move(f));
}

// What names a request that the log has.
void AddNamed(const RequestJoins& j, std::vector<Finding>& out) {
  Finding f =
      ShareFinding("impression.unknown_request", j.lost_impressions, j.all_impressions, 0.01, 0.1, j.sampled,
                   "impressions name a request that is not in the log",
                   "These impressions cannot become training rows: their features are unknown.",
                   "See that the client sends back the request_id it was given, and that no request was lost on the "
                   "way to the log.");
  f.examples = j.lost_impression_ids;
  out.push_back(std::move(f));
  f = ShareFinding("click.unknown_request", j.lost_clicks, j.all_clicks, 0.01, 0.1, j.sampled,
                   "clicks name a request that is not in the log",
                   "These clicks label nothing: the row they belong to counts as not clicked.",
                   "See that the click carries the request_id of the feed it was made in, unchanged.");
  f.examples = j.lost_click_ids;
  out.push_back(std::move(f));
  f = ShareFinding("click.before_request", j.before_request, j.all_clicks, 0.001, 0.05, j.sampled,
                   "clicks stand before their request in the log",
                   "These clicks label nothing: whether their request caused them is not known.",
                   "Import the log again with --rebuild, which orders events by arrival; see that the clocks of those "
                   "who write requests and clicks agree.");
  f.examples = j.before_request_ids;
  out.push_back(std::move(f));
  out.push_back(ShareFinding(
      "click.before_impression", j.before_impression, j.all_clicks, 0.05, 2, j.sampled,
      "clicks stand behind their request and before its impression",
      "They label their impression all the same. The client's clock or the order of the files differs from what "
      "happened.",
      "Nothing for training. Times between impression and click are not to be trusted."));
  out.push_back(ShareFinding("click.not_in_slate", j.outside, j.clicked_lines, 0.01, 0.1, j.sampled,
                             "clicked items are not in the slate of their request",
                             "The click names the wrong request or another id of the item (a variant, a parent).",
                             "Send the item_id exactly as the feed had it."));
  out.push_back(ShareFinding("click.not_shown", j.unseen, j.clicked_lines, 0.05, 0.5, j.sampled,
                             "clicked items were in the slate but no impression of them came",
                             "Clicks without an impression make no row of the click objective: its rate is too low.",
                             "Send the impression before the click, also when the user clicks at once."));
  f = ShareFinding("request.id_reused", j.reused, j.known, 0, 0.01, j.sampled, "request ids were used more than once",
                   "Two slates of one id cannot be told apart: clicks join the wrong one.",
                   "Make a new request_id for each feed call; repeat one only to get the same answer again.");
  f.examples = j.reused_ids;
  out.push_back(std::move(f));
}

void AddWithoutRequest(const Observations& o, const RequestJoins& j, std::vector<Finding>& out) {
  if (j.impressions > 0)
    out.push_back(ShareFinding("impression.no_request", o.impression_without_request, j.impressions, 0.01, 0.1, false,
                               "impressions have no request_id", "They cannot be joined to a slate.",
                               "Send the request_id of the feed with each impression."));
  if (j.clicks > 0) {
    out.push_back(ShareFinding(
        "click.no_request", o.click_without_request, j.clicks, 0.01, 0.2, false, "clicks have no request_id",
        "They label the user's latest impression of the item, which may be the wrong one, or nothing.",
        "Send the request_id of the feed with each click."));
  }
  if (j.logged > 0 && j.clicks == 0)
    out.push_back({.check = "click.none",
                   .severity = Severity::kBad,
                   .text = "there are requests and not one click",
                   .meaning = "Nothing can be learnt of what users like.",
                   .action = "Send feed.click from the client."});
  if (j.lines_shown > 0)
    out.push_back(ShareFinding("impression.clicked", j.clicked_lines, j.lines_shown, 2, 0.9, j.sampled,
                               "items shown were clicked", "The click rate, for comparison with your own analytics.",
                               "Nothing, unless it is not what you know."));
}

}  // namespace

void CheckRequestJoins(const Observations& o, std::vector<Finding>& out) {
  const RequestJoins j = CountJoins(o);
  AddShown(j, out);
  if (j.logged > 0) AddNamed(j, out);
  AddWithoutRequest(o, j, out);
}

void CheckPurchaseJoins(const Observations& o, std::vector<Finding>& out) {
  std::uint64_t lines = 0, after_click = 0;
  for (const auto& [key, u] : o.users.entries()) {
    lines += u.lines;
    after_click += u.after_click;
  }
  // A log without a click has no purchase after one: that clicks are missing is said by the checks of requests.
  if (lines > 0 && o.by_type[static_cast<std::size_t>(EventType::kFeedClick)] > 0)
    out.push_back(ShareFinding(
        "purchase.no_click", lines - after_click, lines, 0.5, 0.95, o.users.level() > 0,
        "lines of purchases have no earlier click of that user on that item",
        "Purchases without a click in the feed are organic: they feed features but label no row of the purchase "
        "objective.",
        "If most of your buyers come through the feed: see that user_id is the same in both (log-in: send user.alias) "
        "and that purchases name items as clicks do (not SKUs or order lines)."));
}

}  // namespace gfr
