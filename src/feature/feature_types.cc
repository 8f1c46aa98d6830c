#include "feature/feature_types.h"

#include <algorithm>

namespace gfr {
namespace {

using enum ScopeRule;
using P = PropertyRule;

constexpr char kOfUser[] = "scope events [kinds]";

constexpr FeatureRead kContext[] = {{nullptr, "property", kRequest, P::kContext, 0,
                                     "what the request says of its user or its time", "neither it nor an event told"}};
constexpr FeatureRead kProperty[] = {
    {nullptr, "property", kRequest, P::kItem, 0, "the candidate's property", "neither catalogue nor request has it"}};
constexpr FeatureRead kAge[] = {{nullptr, "property", kRequest, P::kItemNumber, 0,
                                 "days from the property (seconds since 1970) to the epoch's end",
                                 "neither catalogue nor request has it"}};
constexpr FeatureRead kRequestReads[] = {{nullptr, "property", kRequest, P::kRequest, 0,
                                          "what the caller said with the request, of it or of the candidate",
                                          "the caller did not say it"}};
constexpr char kNoOrder[] = "the caller gave no order";
constexpr char kNoPrice[] = "the candidate has no price";
constexpr char kNoLast[] = "no item was touched, or the one touched last is not among the candidates";
constexpr FeatureRead kSlate[] = {
    {"supplied_rank", "", kRequest, P::kNone, 0, "place in the order in which the candidates were supplied, from 0",
     kNoOrder},
    {"size", "", kRequest, P::kNone, 0, "how many candidates there are", "never"},
    {"rank_fraction", "", kRequest, P::kNone, 0, "supplied rank over the number of candidates", kNoOrder},
    {"price_over_mean", "", kRequest, P::kNone, 0, "price over the candidates' mean price", kNoPrice},
    {"price_over_min", "", kRequest, P::kNone, 0, "price over the candidates' least price", kNoPrice},
    {"price_rank", "", kRequest, P::kNone, 0, "how many candidates cost less", kNoPrice},
    {"price_over_min_above", "", kRequest, P::kNone, 0,
     "price over the least price of the candidates supplied above it",
     "the caller gave no order, the candidate has no price, or none above it has"},
    {"price_over_neighbours", "", kRequest, P::kNone, 0,
     "price over the mean price of the two candidates above it and the two below",
     "the caller gave no order, or it or all its neighbours have no price"},
    {"rank_from_last", kOfUser, kUserOrSession, P::kNone, 0, "places below the item touched last (above: negative)",
     kNoLast},
    {"price_over_last", kOfUser, kUserOrSession, P::kNone, 0, "price over that of the item touched last",
     "no item was touched, the one touched last is not among the candidates, or one has no price"},
    {"last_in_slate", kOfUser, kUserOrSession, P::kNone, 0, "place of the item touched last, for every candidate",
     kNoLast}};
constexpr FeatureRead kPosition[] = {
    {nullptr, "[reference]", kRequest, P::kNone, 0,
     "the place at which the item was shown, from 0, in rows of impressions to learn from; else the reference",
     "never"}};
constexpr char kNoneHasIt[] = "no event in the window has the value";
constexpr FeatureRead kCount[] = {{nullptr, "scope events [kinds] [weights] [window] [tiles]", kAny, P::kNone, 0,
                                   "how many of the events there were, or the sum of their weights",
                                   "never: an entity without events has 0"}};
constexpr FeatureRead kSum[] = {{nullptr, "scope events of [kinds] [window] [tiles]", kAny, P::kNone, 0,
                                 "the sum of the events' money, quantity or number property",
                                 "never: an entity without events has 0"}};
constexpr FeatureRead kMean[] = {{nullptr, "scope events of [kinds] [window] [tiles]", kAny, P::kNone, 0,
                                  "the mean of the events' money, quantity or number property", kNoneHasIt}};
constexpr FeatureRead kMin[] = {{nullptr, "scope events of [kinds] [window] [tiles]", kAny, P::kNone, 0,
                                 "the least of the events' money, quantity or number property", kNoneHasIt}};
constexpr FeatureRead kMax[] = {{nullptr, "scope events of [kinds] [window] [tiles]", kAny, P::kNone, 0,
                                 "the greatest of the events' money, quantity or number property", kNoneHasIt}};
constexpr FeatureRead kDistinct[] = {{nullptr, "scope events of [capacity] [kinds] [window] [tiles]", kAny, P::kNone, 0,
                                      "how many different items (or values of a category property), up to capacity",
                                      "never: an entity without events has 0"}};
constexpr FeatureRead kDecayed[] = {{nullptr, "scope events [kinds] [weights] half_life", kAny, P::kNone, 0,
                                     "how many of the events there were (their weights), each halving every half-life",
                                     "never: an entity without events has 0"}};
constexpr FeatureRead kRate[] = {
    {nullptr, "scope events denominator [kinds] [window] [tiles] [half_life] [prior_weight] [parent]", kAny, P::kNone,
     0, "events over denominator, shrunk to the parent's rate (default: the whole shop's)",
     "the whole shop has no event of the denominator"}};
constexpr FeatureRead kSince[] = {
    {nullptr, kOfUser, kAny, P::kNone, 0, "seconds since the latest of the events", "there was none"}};
constexpr FeatureRead kTrend[] = {
    {nullptr, "scope events [kinds] half_life long_half_life", kAny, P::kNone, 0,
     "the events' rate of late over their rate in the long run (decayed counts over their half-lives): 1 is steady",
     "there was no event"}};
constexpr char kOfItem[] = "scope events [kinds] [capacity]";
constexpr char kForgotten[] = "the candidate is not among the items remembered";
constexpr FeatureRead kInteraction[] = {
    {"count", kOfItem, kUserOrSession, P::kNone, 0, "how many of the events fell on the candidate",
     "never: an item not remembered has 0"},
    {"seconds_since", kOfItem, kUserOrSession, P::kNone, 0, "seconds since the latest of the events on the candidate",
     kForgotten},
    {"steps_since", kOfItem, kUserOrSession, P::kNone, 0,
     "what the user did since, in events; 0: the candidate was touched last", kForgotten},
    {"distinct", kOfItem, kUserOrSession, P::kNone, 0, "how many items are remembered, for every candidate",
     "never: a stranger has 0"},
    {"seen_without_click", "scope events [kinds] [without] [capacity]", kUserOrSession, P::kNone, 1,
     "impressions of the candidate less the clicks on it (events less those of without), not below 0",
     "never: an item not remembered has 0"}};
constexpr FeatureRead kLastEvent[] = {
    {nullptr, kOfUser, kUserOrSession, P::kNone, 0,
     "kind of the latest of the events, or its type where it has no kind, for every candidate", "there was none"}};
constexpr char kOfCategory[] = "property scope events [kinds] [capacity]";
constexpr char kNoCategory[] = "the candidate has no category, or no item with one was touched";
constexpr FeatureRead kSequence[] = {
    {"position", kOfItem, kUserOrSession, P::kNone, 0, "how many other items were touched since the candidate was",
     kForgotten},
    {"category_share", kOfCategory, kUserOrSession, P::kItemCategory, 0,
     "share of the last items, those without a category left out, that are of the candidate's", kNoCategory},
    {"category_run", kOfCategory, kUserOrSession, P::kItemCategory, 0,
     "how many items in a row, the last one backwards, are of the candidate's category", kNoCategory},
    {"same_category_as_last", kOfCategory, kUserOrSession, P::kItemCategory, 0,
     "1 when the item touched last is of the candidate's category, else 0",
     "the candidate or the item touched last has no category, or none was touched"},
    {"distinct_categories", kOfCategory, kUserOrSession, P::kItemCategory, 0,
     "how many categories the last items are of, for every candidate", "never: a stranger has 0"}};
constexpr FeatureRead kPlace[] = {
    {"moved", kOfItem, kUserOrSession, P::kNone, 0,
     "supplied rank less the candidate's place in the latest of the events on it",
     "the caller gave no order, or the candidate is not among the items remembered"},
    {"from_mean", kOfUser, kUserOrSession, P::kNone, 1, "supplied rank less the mean place of the events",
     "the caller gave no order, or no event had a place"}};
constexpr FeatureRead kAffinity[] = {
    {nullptr, "property scope events [kinds] half_life [capacity] [bands] [weights]", kUserOrSession, P::kItem, 0,
     "share of the user's decayed interactions that fall on the candidate's category (or band of the number)",
     "the candidate has no such property, or no item with one was touched"}};
constexpr FeatureRead kTaste[] = {
    {nullptr, "property scope events denominator [kinds] half_life [capacity] [bands] [prior_weight] [parent]",
     kUserOrSession, P::kItem, 0,
     "how often the user took to what he was offered of the candidate's category (or band of the number): decayed "
     "events over denominator, shrunk to his rate over all, and that to the parent's",
     "the candidate has no such property, or the parent has no event of the denominator"}};
constexpr FeatureRead kDistance[] = {
    {nullptr, "property scope events [kinds]", kUserOrSession, P::kItemNumber, 0,
     "how far log2 of the candidate's number lies from the mean of what the user touched, in standard deviations",
     "the candidate's number is missing or not above 0, or no item with one was touched"}};
constexpr FeatureRead kRelative[] = {
    {nullptr, "property scope events denominator [kinds]", kUserOrSession, P::kItemNumber, 0,
     "log2 of the candidate's number over the candidates' mean, less the mean of that of the events over the page of "
     "the denominator before each",
     "the candidate's number is missing or not above 0, or there was no event on an item with one"}};
constexpr char kNoVector[] = "the candidate has no vector (or only zeros), or no item with one was touched";
constexpr FeatureRead kSimilarity[] = {
    {"mean", "property scope events [kinds] half_life", kUserOrSession, P::kItemVector, 0,
     "cosine of the candidate's vector to the decayed mean of those the user touched", kNoVector},
    {"max_last", "property scope events [kinds] [capacity]", kUserOrSession, P::kItemVector, 1,
     "the greatest cosine of the candidate's vector to one of the last items touched", kNoVector}};

constexpr FeatureType kTypes[] = {{"context", MakeContextView, kContext},
                                  {"property", MakeContextView, kProperty},
                                  {"age", MakeContextView, kAge},
                                  {"request", MakeRequestView, kRequestReads},
                                  {"slate", MakeSlateView, kSlate},
                                  {"position", MakePositionView, kPosition},
                                  {"count", MakeCountView, kCount},
                                  {"sum", MakeCountView, kSum},
                                  {"mean", MakeCountView, kMean},
                                  {"min", MakeCountView, kMin},
                                  {"max", MakeCountView, kMax},
                                  {"distinct", MakeDistinctView, kDistinct},
                                  {"decayed_count", MakeDecayView, kDecayed},
                                  {"rate", MakeRateView, kRate},
                                  {"since", MakeDecayView, kSince},
                                  {"trend", MakeTrendView, kTrend},
                                  {"interaction", MakeInteractionView, kInteraction},
                                  {"last_event", MakeLastEventView, kLastEvent},
                                  {"sequence", MakeSequenceView, kSequence},
                                  {"place", MakePlaceView, kPlace},
                                  {"affinity", MakeAffinityView, kAffinity},
                                  {"taste", MakeTasteView, kTaste},
                                  {"distance", MakeDistanceView, kDistance},
                                  {"relative", MakeRelativeView, kRelative},
                                  {"similarity", MakeSimilarityView, kSimilarity}};

}  // namespace

std::span<const FeatureType> FeatureTypes() { return kTypes; }

const FeatureType* FindFeatureType(std::string_view name) {
  const auto type = std::ranges::find_if(kTypes, [&](const FeatureType& t) { return name == t.name; });
  return type == std::end(kTypes) ? nullptr : type;
}

}  // namespace gfr
