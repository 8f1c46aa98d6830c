#include "event/guess_map.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "base/number_text.h"
#include "base/text.h"
#include "base/time_format.h"
#include "event/import_map.h"

namespace gfr {
namespace {

struct Synonyms {
  const char* field;
  std::vector<std::string_view> names;  // Lower case, letters and digits alone; the likeliest first.
};

const std::vector<Synonyms>& Fields() {
  static const std::vector<Synonyms> fields = {
      {"time",
       {"timestamp",
        "eventtime",
        "eventtimestamp",
        "originaltimestamp",
        "derivedtstamp",
        "datetime",
        "time",
        "ts",
        "createdat",
        "invoicedate",
        "eventdate",
        "date",
        "timestampms",
        "at",
        "eventdt",
        "datum",
        "zeitstempel",
        "zeitpunkt",
        "dt",
        "day"}},
      {"user_id",
       {"userid", "customerid", "visitorid", "memberid", "clientid", "user", "customer", "uid", "login", "kundennr",
        "kundennummer", "kunde", "nutzer"}},
      {"anonymous_id", {"anonymousid", "userpseudoid", "domainuserid", "cookieid", "deviceid", "cookie"}},
      {"session_id", {"sessionid", "usersession", "domainsessionid", "visitid", "session", "visit"}},
      {"request_id", {"requestid", "slateid", "impressionid", "pageviewid", "listid", "queryid", "request"}},
      {"item_id", {"itemid",  "productid", "articleid", "sku",       "stockcode",     "movieid", "product",   "item",
                   "article", "iid",       "pid",       "asin",      "contentid",     "offerid", "listingid", "songid",
                   "trackid", "bookid",    "movie",     "artikelnr", "artikelnummer", "artikel", "produkt"}},
      {"items", {"impressions", "items", "products", "shown", "candidates"}},
      {"prices", {"prices"}},
      {"type",
       {"eventtype", "eventname", "event", "actiontype", "action", "behaviortype", "behavior", "behaviourtype",
        "behaviour", "type", "aktion"}},
      {"index", {"position", "rank", "pos", "index"}},
      {"price", {"price", "unitprice", "productprice", "amount", "preis"}},
      {"quantity", {"quantity", "qty", "productquantity", "units", "menge", "anzahl"}},
      {"value", {"revenue", "total", "value", "umsatz", "betrag"}},
      {"currency", {"currency", "currencycode"}},
      {"transaction_id", {"transactionid", "orderid", "ordernumber", "invoiceno", "order"}},
      {"id", {"eventid", "messageid", "uuid", "id"}},
      {"surface", {"surface", "page", "placement"}},
  };
  return fields;
}

const std::map<std::string, std::vector<std::string_view>, std::less<>>& Types() {
  static const std::map<std::string, std::vector<std::string_view>, std::less<>> types = {
      {"\"item.view\"",
       {"view", "pv", "viewitem", "productview", "productviewed", "detail", "pageview", "itemview", "viewproduct",
        "ansicht"}},
      {"\"feed.click\"", {"click", "clickout", "selectitem", "productclicked", "listclick", "klick"}},
      {"[\"feed.request\", \"feed.impression\"]",
       {"impression", "impressions", "shown", "listing", "viewitemlist", "listview", "exposure"}},
      {"\"cart.add\"", {"cart", "addtocart", "addtobasket", "productadded", "cartadd", "basket", "atc", "warenkorb"}},
      {"\"cart.remove\"", {"removefromcart", "productremoved", "cartremove"}},
      {"\"wishlist.add\"", {"fav", "favorite", "favourite", "wishlist", "addtowishlist", "like"}},
      {"\"purchase\"",
       {"purchase", "buy", "order", "transaction", "checkout", "ordercompleted", "sale", "kauf", "bestellung"}},
      {"\"purchase.return\"", {"refund", "return", "returned"}},
      {"\"purchase.cancel\"", {"cancel", "cancelled", "canceled"}},
      {"\"search\"", {"search", "viewsearchresults"}},
      {"\"item.update\"", {"itemupdate", "productupdate", "catalog", "catalogue"}},
  };
  return types;
}

std::string Plain(std::string_view name) {
  // Of a path its last part alone.
  name.remove_prefix(std::min(name.rfind('.') + 1, name.size()));
  std::string plain;
  for (const char c : name) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')) plain += c;
    if (c >= 'A' && c <= 'Z') plain += static_cast<char>(c - 'A' + 'a');
  }
  return plain;
}

std::string Toml(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + "\"";
}

// Every form of a time that is tried, the likeliest first.
const std::vector<std::string>& TimeFormats() {
  static const std::vector<std::string> formats = [] {
    std::vector<std::string> all = {"rfc3339", "s", "ms", "us", "ns", "%d/%b/%Y:%H:%M:%S %z", "%Y%m%d%H%M%S"};
    for (const char* date :
         {"%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%d-%b-%Y",
          "%b %d, %Y", "%b %d %Y", "%Y%m%d", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y"}) {
      for (const char* time : {"", " %H:%M:%S", " %H:%M", " %H", " %I:%M:%S %p", " %I:%M %p", " %H:%M:%S.%f",
                               " %H:%M:%S %z", ", %H:%M:%S", ", %H:%M"})
        all.push_back(std::string(date) + time);
    }
    return all;
  }();
  return formats;
}

// The format that reads every one of the texts; empty: none does.
std::string TimeFormatOf(std::span<const std::string> texts) {
  for (const std::string& format : TimeFormats()) {
    const auto made = TimeFormat::Make(format, TimeZone());
    if (texts.empty() || !made.ok()) continue;
    if (std::ranges::all_of(texts, [&](const std::string& text) { return made.value().Parse(text).ok(); }))
      return format;
  }
  return "";
}

bool IsEpoch(const std::string& format) { return format == "s" || format == "ms" || format == "us" || format == "ns"; }

// What a column of numbers needs: nothing, a comma as the decimal sign, or it is none.
enum class Numbers : std::uint8_t { kPoint, kComma, kNone };
Numbers NumbersOf(const std::vector<std::string>& texts) {
  double number = 0;
  const auto reads = [&](std::string_view text) { return ParseNumber(Trimmed(text), &number); };
  if (std::ranges::all_of(texts, reads)) return Numbers::kPoint;
  const auto reads_with_comma = [&](std::string text) {
    if (text.find('.') != std::string::npos || std::ranges::count(text, ',') > 1) return false;
    std::ranges::replace(text, ',', '.');
    return reads(text);
  };
  return std::ranges::all_of(texts, reads_with_comma) ? Numbers::kComma : Numbers::kNone;
}

class Guess {
 public:
  Guess(RowSource& rows, const std::vector<std::string>& columns, const std::string& file, const std::string& encoding)
      : rows_(rows), names_of_(columns), file_(file), encoding_(encoding) {}

  Result<std::string> Make() {
    std::vector<Cell> row;
    for (std::size_t n = 0; n < kGuessRows; ++n) {
      GFR_ASSIGN(const bool more, rows_.Next(&row));
      if (!more) break;
      if (rows_.fault().empty()) rows_read_.push_back(std::move(row));
    }
    FindFields();
    FindTime();
    FindNumbers();
    text_ = "# Proposed by `gfr import guess " + file_ + "` from " + std::to_string(rows_read_.size()) +
            " rows: read it, and try it with --dry-run.\nsource = \"import\"\n";
    if (!encoding_.empty())
      text_ +=
          "encoding = " + Toml(encoding_) +
          "  # The file is not UTF-8. Where letters look wrong, it is another one: iso-8859-2, windows-1251, ...\n";
    if (has_comma_) text_ += "decimal = \",\"\n";
    WriteTime();
    WriteColumns();
    WriteTypes();
    WriteOthers();
    return text_;
  }

 private:
  void FindFields() {
    for (const Synonyms& field : Fields()) {
      for (const std::string_view name : field.names) {
        const auto at = std::ranges::find_if(names_of_, [&](const std::string& c) { return Plain(c) == name; });
        if (at == names_of_.end() || used_.contains(*at)) continue;
        columns_[field.field] = *at;
        used_.insert(*at);
        break;
      }
    }
    // Lines of an order without an event's id: the order is the event.
    if (columns_.contains("transaction_id") && !columns_.contains("id") && !columns_.contains("type"))
      columns_["id"] = columns_["transaction_id"];
  }
  std::size_t IndexOf(const std::string& column) const {
    return static_cast<std::size_t>(std::ranges::find(rows_.columns(), column) - rows_.columns().begin());
  }
  // Those of the rows that were read, without what is missing.
  std::vector<std::string> ValuesOf(const std::string& column) const {
    std::vector<std::string> values;
    const std::size_t c = IndexOf(column);
    for (const std::vector<Cell>& row : rows_read_) {
      if (c >= row.size()) continue;
      if (const auto text = Trimmed(row[c].text); !text.empty() && !kNullTexts.contains(text))
        values.push_back(row[c].text);
      if (!row[c].list.empty() && !row[c].list[0].empty()) values.push_back(row[c].list[0]);
    }
    return values;
  }

  // The form of the time column; without a column of that name, one whose texts all are times; and of a date, the
  // column with the time of day.
  void FindTime() {
    if (!columns_.contains("time")) {
      for (const std::string& column : names_of_) {
        const std::string format = used_.contains(column) ? "" : TimeFormatOf(ValuesOf(column));
        if (format.empty() || IsEpoch(format)) continue;  // A number may be anything.
        columns_["time"] = column;
        used_.insert(column);
        break;
      }
    }
    const auto time = columns_.find("time");
    if (time == columns_.end()) return;
    const std::vector<std::string> texts = ValuesOf(time->second);
    time_format_ = TimeFormatOf(texts);
    const bool is_date =
        !IsEpoch(time_format_) && time_format_.find("%H") == std::string::npos &&
        time_format_.find("%I") == std::string::npos &&
        std::ranges::all_of(texts, [](const std::string& t) { return t.find(':') == std::string::npos; });
    if (!is_date) return;
    for (const char* name : {"time", "timeofday", "hour", "hr", "eventtime", "uhrzeit", "stunde"}) {
      const auto at = std::ranges::find_if(names_of_, [&](const std::string& c) { return Plain(c) == name; });
      if (at == names_of_.end() || used_.contains(*at)) continue;
      const std::size_t date = IndexOf(time->second), of_day = IndexOf(*at);
      std::vector<std::string> joined;
      for (const std::vector<Cell>& row : rows_read_) {
        if (row.size() > std::max(date, of_day) && !row[date].text.empty())
          joined.push_back(row[date].text + " " + row[of_day].text);
      }
      const std::string format = TimeFormatOf(joined);
      if (format.empty()) continue;
      time_format_ = format;
      time_of_day_ = *at;
      used_.insert(*at);
      return;
    }
  }
  // Fields that are numbers by name, and are none, are only shown.
  void FindNumbers() {
    for (const char* field : {"price", "quantity", "value", "index"}) {
      const auto column = columns_.find(field);
      if (column == columns_.end()) continue;
      const Numbers numbers = NumbersOf(ValuesOf(column->second));
      has_comma_ = has_comma_ || numbers == Numbers::kComma;
      if (numbers == Numbers::kNone) no_numbers_.insert(field);
    }
  }

  void WriteTime() {
    const auto time = columns_.find("time");
    if (time == columns_.end()) {
      text_ += "# No column looks like a time: name one below, or give [constants] time.\n";
      return;
    }
    if (const auto texts = ValuesOf(time->second); time_format_.empty() && !texts.empty())
      text_ += "# The form of times such as " + Toml(texts[0]) + " is not known: give time_format.\n";
    else if (time_format_ != "rfc3339" && !time_format_.empty())
      text_ += "time_format = " + Toml(time_format_) + "\n";
    const std::string first = time_format_.substr(0, 2);
    if (time_format_.size() >= 5 && (first == "%m" || first == "%d") && time_format_[2] != '.' &&
        time_format_[2] != ' ' && time_format_[4] != 'b')
      text_ += std::string("# Where the ") + (first == "%m" ? "day" : "month") + " stands first: time_format = " +
               Toml(time_format_.substr(3, 2) + time_format_[2] + first + time_format_.substr(5)) + "\n";
    text_ += "# time_zone = \"Europe/Berlin\"  # Where times name no zone and are not UTC.\n";
  }
  void WriteColumns() {
    text_ += "\n[columns]\n";
    for (const Synonyms& field : Fields()) {
      const auto column = columns_.find(field.field);
      if (column == columns_.end()) continue;
      const bool is_time = std::string_view(field.field) == "time";
      const bool is_none = no_numbers_.contains(field.field);
      text_ += (is_none ? "# " : "") + std::string(field.field) + " = " +
               (is_time && !time_of_day_.empty() ? "[" + Toml(column->second) + ", " + Toml(time_of_day_) + "]"
                                                 : Toml(column->second)) +
               (is_none ? "  # No number: as " + Toml(FirstThatIsNoNumber(column->second)) : "") + "\n";
    }
    if (!columns_.contains("time")) text_ += "# time = \"?\"\n";
    if (!columns_.contains("item_id") && !columns_.contains("items")) text_ += "# item_id = \"?\"\n";
    if (!columns_.contains("id")) text_ += "# id = \"?\"  # Without one, a row is named by its content.\n";
  }
  std::string FirstThatIsNoNumber(const std::string& column) const {
    const std::vector<std::string> texts = ValuesOf(column);
    for (const std::string& text : texts) {
      if (NumbersOf({text}) == Numbers::kNone) return text.substr(0, 40);
    }
    return texts[0].substr(0, 40);  // One with a point, and another with a comma.
  }
  static std::string TypeOf(const std::string& value) {
    for (const auto& [name, words] : Types()) {
      if (std::ranges::find(words, Plain(value)) != words.end()) return name;
    }
    return "";
  }

  void WriteTypes() {
    text_ += "\n[types]\n";
    const auto type = columns_.find("type");
    if (type == columns_.end()) {
      const bool order = columns_.contains("transaction_id") || columns_.contains("quantity");
      const bool nobody =
          !columns_.contains("user_id") && !columns_.contains("session_id") && !columns_.contains("anonymous_id");
      text_ += std::string("\"*\" = ") +
               (nobody  ? "\"item.update\""
                : order ? "\"purchase\""
                        : "\"item.view\"") +
               "  # No column looks like a type: all rows are of one.\n";
      return;
    }
    std::map<std::string, std::size_t> found;
    for (const std::string& value : ValuesOf(type->second)) ++found[value];
    const bool has_slates = std::ranges::any_of(found, [](const auto& f) { return TypeOf(f.first).starts_with('['); });
    if (has_slates && !columns_.contains("request_id"))
      text_ += "# What was shown teaches only with a request_id, which the clicks name too.\n";
    for (const auto& [value, rows] : found) {
      std::string is = TypeOf(value);
      if (is == "\"feed.click\"" && !has_slates && !columns_.contains("request_id")) is = "\"item.view\"";
      text_ += (is.empty() ? "# " : "") + Toml(value) + " = " + (is.empty() ? "?" : is) + "  # " +
               std::to_string(rows) + " rows\n";
    }
  }
  void WriteOthers() {
    text_ += "\n[properties]  # Of items; [context] is for those of users and requests.\n";
    for (const std::string& column : names_of_) {
      if (used_.contains(column)) continue;
      const std::string plain = Plain(column);
      const bool known = plain == "brand" || plain.starts_with("category") || plain == "catid" || plain == "brandid";
      const std::string name = plain == "categoryid" || plain == "catid" ? "category"
                               : plain == "brandid"                      ? "brand"
                                                                         : plain;
      const std::vector<std::string> texts = ValuesOf(column);
      text_ += (known && names_.insert(name).second ? "" : "# ") + (name.empty() ? "x" : name) + " = " + Toml(column) +
               (texts.empty() ? "" : "  # as " + Toml(texts[0].substr(0, 40))) + "\n";
    }
  }

  RowSource& rows_;
  const std::vector<std::string>& names_of_;
  const std::string file_, encoding_;
  std::vector<std::vector<Cell>> rows_read_;
  std::string time_format_, time_of_day_;  // time_of_day_: the column that goes with a date.
  bool has_comma_ = false;
  std::set<std::string> no_numbers_;            // Fields whose columns hold other texts.
  std::map<std::string, std::string> columns_;  // Field -> column.
  std::set<std::string> used_, names_;
  std::string text_;
};

}  // namespace

Result<std::string> GuessMap(RowSource& rows, const std::vector<std::string>& columns, const std::string& file,
                             const std::string& encoding) {
  return Guess(rows, columns, file, encoding).Make();
}

}  // namespace gfr
