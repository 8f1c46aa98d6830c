#include "event/guess_map.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "base/time_format.h"

namespace gfr {
namespace {

struct Synonyms {
  const char* field;
  std::vector<std::string_view> names;  // Lower case, letters and digits alone; the likeliest first.
};

const std::vector<Synonyms>& Fields() {
  static const std::vector<Synonyms> fields = {
      {"time",
       {"timestamp", "eventtime", "eventtimestamp", "originaltimestamp", "derivedtstamp", "datetime", "time", "ts",
        "createdat", "invoicedate", "eventdate", "date", "timestampms", "at"}},
      {"user_id", {"userid", "customerid", "visitorid", "memberid", "clientid", "user", "customer", "uid", "login"}},
      {"anonymous_id", {"anonymousid", "userpseudoid", "domainuserid", "cookieid", "deviceid", "cookie"}},
      {"session_id", {"sessionid", "usersession", "domainsessionid", "visitid", "session", "visit"}},
      {"request_id", {"requestid", "slateid", "impressionid", "pageviewid", "listid", "queryid", "request"}},
      {"item_id", {"itemid", "productid", "articleid", "sku", "stockcode", "movieid", "product", "item", "article"}},
      {"items", {"impressions", "items", "products", "shown", "candidates"}},
      {"prices", {"prices"}},
      {"type", {"eventtype", "eventname", "event", "actiontype", "action", "behaviortype", "behavior", "type"}},
      {"index", {"position", "rank", "pos", "index"}},
      {"price", {"price", "unitprice", "productprice", "amount"}},
      {"quantity", {"quantity", "qty", "productquantity", "units"}},
      {"value", {"revenue", "total", "value"}},
      {"currency", {"currency", "currencycode"}},
      {"transaction_id", {"transactionid", "orderid", "ordernumber", "invoiceno", "order"}},
      {"id", {"eventid", "messageid", "uuid", "id"}},
      {"surface", {"surface", "page", "placement"}},
  };
  return fields;
}

const std::map<std::string, std::vector<std::string_view>, std::less<>>& Types() {
  static const std::map<std::string, std::vector<std::string_view>, std::less<>> types = {
      {"\"item.view\"", {"view", "pv", "viewitem", "productview", "productviewed", "detail", "pageview", "itemview"}},
      {"\"feed.click\"", {"click", "clickout", "selectitem", "productclicked", "listclick"}},
      {"[\"feed.request\", \"feed.impression\"]",
       {"impression", "impressions", "shown", "listing", "viewitemlist", "listview", "exposure"}},
      {"\"cart.add\"", {"cart", "addtocart", "addtobasket", "productadded", "cartadd", "basket"}},
      {"\"cart.remove\"", {"removefromcart", "productremoved", "cartremove"}},
      {"\"wishlist.add\"", {"fav", "favorite", "favourite", "wishlist", "addtowishlist", "like"}},
      {"\"purchase\"", {"purchase", "buy", "order", "transaction", "checkout", "ordercompleted", "sale"}},
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

// The format that reads every one of the texts; empty: none does.
std::string TimeFormatOf(std::span<const std::string> texts) {
  static constexpr std::array<const char*, 18> kFormats = {"rfc3339",
                                                           "s",
                                                           "ms",
                                                           "us",
                                                           "ns",
                                                           "%d.%m.%Y %H:%M:%S",
                                                           "%d.%m.%Y %H:%M",
                                                           "%d.%m.%Y",
                                                           "%m/%d/%Y %H:%M:%S",
                                                           "%m/%d/%Y %H:%M",
                                                           "%m/%d/%Y",
                                                           "%d/%m/%Y %H:%M:%S",
                                                           "%d/%m/%Y %H:%M",
                                                           "%d/%m/%Y",
                                                           "%Y/%m/%d %H:%M:%S",
                                                           "%Y/%m/%d",
                                                           "%Y%m%d",
                                                           "%Y%m%d%H%M%S"};
  for (const char* format : kFormats) {
    const auto made = TimeFormat::Make(format, TimeZone());
    if (texts.empty() || !made.ok()) continue;
    if (std::ranges::all_of(texts, [&](const std::string& text) { return made.value().Parse(text).ok(); }))
      return format;
  }
  return "";
}

class Guess {
 public:
  Guess(RowSource& rows, const std::vector<std::string>& columns, const std::string& file)
      : rows_(rows), names_of_(columns), file_(file) {}

  Result<std::string> Make() {
    const std::vector<std::string>& names = rows_.columns();
    values_.resize(names.size());
    std::vector<Cell> row;
    for (std::size_t n = 0; n < kGuessRows; ++n) {
      GFR_ASSIGN(const bool more, rows_.Next(&row));
      if (!more) break;
      if (!rows_.fault().empty()) continue;
      ++read_;
      for (std::size_t c = 0; c < std::min(row.size(), values_.size()); ++c) {
        if (!row[c].text.empty()) values_[c].push_back(row[c].text);
        if (!row[c].list.empty() && !row[c].list[0].empty()) values_[c].push_back(row[c].list[0]);
      }
    }
    FindFields();
    text_ = "# Proposed by `gfr import guess " + file_ + "` from " + std::to_string(read_) +
            " rows: read it, and try it with --dry-run.\nsource = \"import\"\n";
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
  const std::vector<std::string>& ValuesOf(const std::string& column) const {
    return values_[static_cast<std::size_t>(std::ranges::find(rows_.columns(), column) - rows_.columns().begin())];
  }

  void WriteTime() {
    const auto time = columns_.find("time");
    if (time == columns_.end()) {
      text_ += "# No column looks like a time: name one below, or give [constants] time.\n";
      return;
    }
    const std::string format = TimeFormatOf(ValuesOf(time->second));
    if (format.empty() && !ValuesOf(time->second).empty())
      text_ += "# The form of times such as " + Toml(ValuesOf(time->second)[0]) + " is not known: give time_format.\n";
    else if (format != "rfc3339" && !format.empty())
      text_ += "time_format = " + Toml(format) + "\n";
    if (format.starts_with("%m/%d"))
      text_ += "# Where the day stands first: time_format = \"%d/%m" + format.substr(5) + "\"\n";
    text_ += "# time_zone = \"Europe/Berlin\"  # Where times name no zone and are not UTC.\n";
  }
  void WriteColumns() {
    text_ += "\n[columns]\n";
    for (const Synonyms& field : Fields()) {
      const auto column = columns_.find(field.field);
      if (column != columns_.end()) text_ += std::string(field.field) + " = " + Toml(column->second) + "\n";
    }
    if (!columns_.contains("time")) text_ += "# time = \"?\"\n";
    if (!columns_.contains("item_id") && !columns_.contains("items")) text_ += "# item_id = \"?\"\n";
    if (!columns_.contains("id")) text_ += "# id = \"?\"  # Without one, a row is named by its content.\n";
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
    for (const auto& [value, rows] : found) {
      std::string is;
      for (const auto& [name, words] : Types()) {
        if (std::ranges::find(words, Plain(value)) != words.end()) is = name;
      }
      if (is == "\"feed.click\"" && !columns_.contains("request_id")) is = "\"item.view\"";
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
      text_ += (known && names_.insert(name).second ? "" : "# ") + (name.empty() ? "x" : name) + " = " + Toml(column) +
               (ValuesOf(column).empty() ? "" : "  # as " + Toml(ValuesOf(column)[0].substr(0, 40))) + "\n";
    }
  }

  RowSource& rows_;
  const std::vector<std::string>& names_of_;
  const std::string file_;
  std::vector<std::vector<std::string>> values_;  // By column, those that are not missing.
  std::map<std::string, std::string> columns_;    // Field -> column.
  std::set<std::string> used_, names_;
  std::size_t read_ = 0;
  std::string text_;
};

}  // namespace

Result<std::string> GuessMap(RowSource& rows, const std::vector<std::string>& columns, const std::string& file) {
  return Guess(rows, columns, file).Make();
}

}  // namespace gfr
