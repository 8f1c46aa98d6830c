// Features of a user's own rows: a table of entities and times, joined point in time.
//
// Each row is read as a feed asked for at its time would be: it sees what arrived strictly before that time, and shared
// state of the last epoch sealed by then, by the replay that makes training rows. An entity that the log has not seen
// by then has an unknown user's values: missing, or what the feature says of one who did nothing. Rows that name one
// `request` are the candidates of one slate, in the file's order; any other row is a slate of its own, whose order
// nobody gave.
#pragma once

#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/row_source.h"
#include "log/event_source.h"
#include "state/online_store.h"

namespace gfr {

struct JoinOptions {
  std::string time_column = "time";   // RFC 3339, or milliseconds since 1970.
  std::vector<std::string> features;  // Names; empty: all.
  // Columns that the request said, as "city", or as "shown_price=price" when the column has another name: properties
  // that gfr.toml declares of users, items, requests or candidates, and "price"; they override what the log knows of
  // them.
  std::vector<std::string> given;
};

// The rows as they were read. Entities are the columns "user", "item", "session", "surface" and "request", in text;
// those that are not there, and empty cells, are no entity.
struct JoinTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> cells;  // By column.
  struct Row {
    std::int64_t time_ms = 0;
    std::size_t slate = 0;
  };
  std::vector<Row> rows;
  // What is read at once.
  struct Slate {
    std::int64_t time_ms = 0;
    Key user = 0, session = 0, surface = 0;
    std::vector<Property> context;
    std::vector<EventItem> items;
    std::vector<std::size_t> rows;  // Whose items they are.
    bool supplied = false;
  };
  std::vector<Slate> slates;
  std::vector<std::size_t> features;  // Wanted columns of the feature set.
};

// Reads all rows, into memory. `path` names them in errors. kInvalidArgument, by line: a row of another width, a time
// or a number that is none, rows of one request that differ in user, session, surface, time or context; a column that
// is wanted and not there, or that has a feature's name.
Result<JoinTable> ReadJoinTable(RowSource& rows, const std::string& path, const FeatureSet& features,
                                const JoinOptions& options);

struct Joined {
  std::vector<std::vector<float>> values;  // By wanted feature, then row.
  // Rows whose user or item the log had not seen by their time, and rows later than the log's last event.
  std::uint64_t unknown_users = 0, unknown_items = 0, after_log = 0;
  std::uint64_t events = 0;
};
// Folds the log up to the last row's time, on one thread, in the memory of the states.
Result<Joined> JoinFeatures(EventSource& log, std::shared_ptr<const FeatureSet> features, const JoinTable& table);

// The table's columns as they were, then the features; missing is null, in CSV an empty cell. As Parquet when `path`
// ends in .parquet, else as CSV (RFC 4180; numbers in the fewest digits that give the same bits). Written beside and
// renamed.
Status WriteJoined(FileSystem& fs, const std::string& path, const FeatureSet& features, const JoinTable& table,
                   const Joined& joined);
// The CSV alone, header first.
std::string JoinedCsv(const FeatureSet& features, const JoinTable& table, const Joined& joined);

}  // namespace gfr
