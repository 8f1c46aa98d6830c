#include "event/map_rows.h"

#include <algorithm>
#include <cmath>

#include "base/number_text.h"
#include "base/text.h"
#include "event/gather_rows.h"
#include "event/property_value.h"
#include "event/row_alias.h"

namespace gfr {
namespace {

// Reads rows of one file. What is wrong with a row is thrown as a Fault and caught where the row begins.
class Mapper {
 public:
  struct Fault {
    std::string why;
  };
  // A field of the event: the columns that the map gives it, found once and not for each row.
  struct Field {
    const char* name;
    const std::vector<std::string>* columns = nullptr;  // Null: none.
    std::vector<std::size_t> cells = {};                // Where the columns are in a row.
    const std::string* constant = nullptr;
  };
  struct PropertyColumn {
    const std::string *name, *column;
    std::size_t cell;
  };

  Mapper(RowSource& rows, const std::string& file, const ImportMap& map, const ImportSettings& settings,
         const ImportSink& sink, ImportReport* report)
      : rows_(rows),
        file_(file),
        map_(map),
        settings_(settings),
        report_(*report),
        gather_(map.rows_of_slate, map.columns.contains("id"), file_, sink, report) {}

  Status Run() {
    GFR_TRY(Bind());
    for (;;) {
      GFR_ASSIGN(const bool more, rows_.Next(&row_));
      if (!more) break;
      ++report_.rows;
      events_.clear();
      std::string why = rows_.fault();
      if (why.empty()) {
        try {
          ReadRow(&events_);
        } catch (const Fault& fault) {
          why = fault.why;
        }
      }
      if (!why.empty()) {
        report_.Reject(file_, rows_.line(), why);
        continue;
      }
      // A row is taken whole or not at all.
      const bool admitted =
          std::ranges::all_of(events_, [&](Event& e) { return Admit(settings_, file_, rows_.line(), &e, &report_); });
      if (!admitted) continue;
      for (Event& e : events_) {
        GFR_TRY(gather_.Put(rows_.line(), std::move(e)));
      }
    }
    if (first_index_line_ > 0 && !saw_first_)
      report_.Warn("positions of slates begin at 1; index_from = 1 in the map makes them from 0", "", file_,
                   first_index_line_);
    return gather_.Flush();
  }

 private:
  Status Bind() {
    const std::vector<std::string>& there = rows_.columns();
    const std::vector<std::string> wanted = map_.Columns();
    for (const std::string& column : wanted) {
      const auto at = std::ranges::find(there, column);
      if (at == there.end())
        return Error{ErrorCode::kInvalidArgument,
                     "the map names column " + Quoted(column) + ", which is not there; there are " + ColumnNames(),
                     {file_, 1}};
      if (std::find(at + 1, there.end(), column) != there.end())
        return Error{ErrorCode::kInvalidArgument, "column " + Quoted(column) + " is there twice", {file_, 1}};
      at_[column] = static_cast<std::size_t>(at - there.begin());
    }
    for (const std::string& column : there) {
      if (at_.contains(column))
        report_.mapped_columns.insert(column);
      else if (!HasMappedPart(column))
        report_.unmapped_columns.insert(column);
    }
    for (Field* field :
         {&id_, &type_, &time_, &user_id_, &anonymous_id_, &session_id_, &request_id_, &surface_, &kind_, &items_,
          &prices_, &item_id_, &index_, &price_, &quantity_, &value_, &currency_, &transaction_id_}) {
      if (const auto columns = map_.columns.find(field->name); columns != map_.columns.end()) {
        field->columns = &columns->second;
        for (const std::string& column : columns->second) field->cells.push_back(at_.at(column));
      }
      if (const auto constant = map_.constants.find(field->name); constant != map_.constants.end())
        field->constant = &constant->second;
    }
    const auto bind = [&](const std::map<std::string, std::string>& table, std::vector<PropertyColumn>* columns) {
      for (const auto& [name, column] : table) columns->push_back({&name, &column, at_.at(column)});
    };
    bind(map_.context, &context_);
    bind(map_.properties, &properties_);
    bind(map_.vectors, &vectors_);
    for (const TypeRule& rule : map_.rules) rule_cells_.push_back(at_.at(rule.column));
    if (map_.long_table) {
      long_property_ = at_.at(map_.long_table->property);
      long_value_ = at_.at(map_.long_table->value);
    }
    return {};
  }
  // Of a nested column: the map names a path below it.
  bool HasMappedPart(const std::string& column) const {
    const auto part = at_.lower_bound(column + ".");
    return part != at_.end() && part->first.starts_with(column + ".");
  }
  std::string ColumnNames() const {
    std::string names;
    for (const std::string& name : rows_.columns()) {
      if (names.size() > 1000) return names + " and more";
      names += (names.empty() ? "" : ", ") + Quoted(name);
    }
    return names.empty() ? "none" : names;
  }

  const Cell& FirstOf(const Field& field) const { return row_[field.cells.front()]; }
  static std::string NameOf(const Field& field) { return "column " + Quoted(field.columns->front()); }
  bool IsNull(std::string_view text) const {
    if (map_.null) return !map_.null->empty() && map_.null->contains(std::string(text));
    return text.size() <= kLongestNullText && kNullTexts.contains(text);
  }

  // The first column of a field that is not missing, without blanks around. Ids that look missing are, with a warning.
  std::string Text(const Field& field, bool warn = false) {
    for (std::size_t k = 0; k < field.cells.size(); ++k) {
      const std::string_view text = Trimmed(row_[field.cells[k]].text);
      if (text.empty()) continue;
      if (!IsNull(text)) return std::string(text);
      if (warn && !map_.null)
        report_.Warn("column " + Quoted((*field.columns)[k]) +
                         " has an id that looks missing and is read so; null = [] keeps it",
                     std::string(text), file_, rows_.line());
    }
    return field.constant ? *field.constant : "";
  }
  std::string Id(const Field& field) { return Text(field, true); }

  // By the map's `decimal`. False: it is no number.
  bool ReadNumber(std::string_view text, double* number) const {
    if (map_.decimal != ',') return ParseNumber(text, number);
    if (text.find('.') != std::string_view::npos) return false;
    std::string with_point(text);
    std::ranges::replace(with_point, ',', '.');
    return ParseNumber(with_point, number);
  }
  // `what`: what the text is called, or the field that it is of.
  template <typename What>
  double NumberOf(const std::string& text, const What& what) const {
    double number = 0;
    if (ReadNumber(text, &number)) return number;
    throw Fault{Called(what) + " is " + Quoted(text) + "; valid is a number such as " +
                (map_.decimal == ',' ? "1234,5" : "1234.5") +
                (map_.decimal == '.' && IsCommaNumber(text) ? ", or decimal = \",\" in the map" : "")};
  }
  static bool IsCommaNumber(const std::string& text) {
    return text.find(',') != std::string::npos && text.find('.') == std::string::npos;
  }
  static std::string Called(const std::string& what) { return what; }
  static std::string Called(const Field& field) { return NameOf(field); }
  // NaN: missing.
  double Number(const Field& field) {
    const std::string text = Text(field);
    return text.empty() ? std::numeric_limits<double>::quiet_NaN() : NumberOf(text, field);
  }
  double NumberAt(const std::vector<std::string>& list, std::size_t i, const Field& field) const {
    const std::string_view text = i < list.size() ? Trimmed(list[i]) : std::string_view();
    if (text.empty() || IsNull(text)) return std::numeric_limits<double>::quiet_NaN();
    return NumberOf(std::string(text), field);
  }
  static std::int32_t Whole(double number, std::int32_t otherwise, const Field& field) {
    if (std::isnan(number)) return otherwise;
    if (std::trunc(number) != number || std::fabs(number) > 1e9)
      throw Fault{NameOf(field) + " is '" + NumberText(number) + "'; valid are whole numbers"};
    return static_cast<std::int32_t>(number);
  }
  std::int32_t Index(double number) {
    if (std::isnan(number)) return -1;
    const std::int32_t index = Whole(number, -1, index_);
    if (index < map_.index_from)
      throw Fault{NameOf(index_) + " is '" + std::to_string(index) + "'; valid are whole numbers from " +
                  std::to_string(map_.index_from)};
    saw_first_ = saw_first_ || index == map_.index_from || map_.index_from > 0;
    return index - map_.index_from;
  }

  std::vector<std::string> Parts(const Cell& cell) const {
    if (cell.is_list) return cell.list;
    std::vector<std::string> parts;
    std::string_view text = cell.text;
    if (Trimmed(text).empty() || IsNull(Trimmed(text))) return parts;
    for (;;) {
      const std::size_t end = text.find(map_.list_separator);
      parts.emplace_back(Trimmed(text.substr(0, end)));
      if (end == std::string_view::npos) return parts;
      text.remove_prefix(end + map_.list_separator.size());
    }
  }
  // Of a field's list column, also one that is not called a list: empty when it has one value a row.
  std::vector<std::string> ListOf(const Field& field) const {
    return field.columns && FirstOf(field).is_list ? FirstOf(field).list : std::vector<std::string>();
  }

  void AddProperty(const std::string& name, std::string text, std::vector<Property>* list) const {
    if (text.empty() || (map_.null && map_.null->contains(text))) return;
    if (map_.decimal == ',') {
      const auto declared = settings_.rules.properties.find(name);
      if (declared != settings_.rules.properties.end() && declared->second == PropertyType::kNumber)
        std::ranges::replace(text, ',', '.');
    }
    list->push_back(PropertyOfText(name, std::move(text)));
  }
  // Of item `i`: a list column says one value an item.
  std::vector<Property> Properties(const std::vector<PropertyColumn>& columns, std::size_t i) const {
    std::vector<Property> list;
    list.reserve(columns.size());
    for (const PropertyColumn& column : columns) {
      const Cell& cell = row_[column.cell];
      if (!cell.is_list)
        AddProperty(*column.name, cell.text, &list);
      else if (i < cell.list.size())
        AddProperty(*column.name, cell.list[i], &list);
    }
    return list;
  }
  void AddVectors(std::vector<Property>* properties) const {
    for (const PropertyColumn& column : vectors_) {
      const std::vector<std::string> numbers = Parts(row_[column.cell]);
      if (numbers.empty()) continue;
      Property p{.name = *column.name};
      for (const std::string& text : numbers) {
        double number = 0;
        if (!ReadNumber(Trimmed(text), &number) || !(std::fabs(number) <= std::numeric_limits<float>::max()) ||
            p.vector.size() == kMaxVectorSize)
          throw Fault{"vector '" + p.name + "' (column " + Quoted(*column.column) + ") is not a list of at most " +
                      std::to_string(kMaxVectorSize) + " numbers"};
        p.vector.push_back(static_cast<float>(number));
      }
      properties->push_back(std::move(p));
    }
  }

  bool Holds(const TypeRule& rule, std::size_t cell) const {
    const std::string_view text = Trimmed(row_[cell].text);
    double number = 0;
    switch (rule.when) {
      case TypeRule::When::kEquals:
        return text == rule.text;
      case TypeRule::When::kPrefix:
        return text.starts_with(rule.text);
      case TypeRule::When::kBelow:
        return ReadNumber(text, &number) && number < rule.number;
      case TypeRule::When::kAbove:
        return ReadNumber(text, &number) && number > rule.number;
      case TypeRule::When::kEmpty:
        return text.empty() || IsNull(text);
      case TypeRule::When::kFilled:
        return !text.empty() && !IsNull(text);
    }
    return false;
  }
  // None: the row is left out, which is counted.
  const std::vector<EventType>& TypesOfRow() {
    for (std::size_t k = 0; k < map_.rules.size(); ++k) {
      const TypeRule& rule = map_.rules[k];
      if (!Holds(rule, rule_cells_[k])) continue;
      if (rule.types.empty()) ++report_.unmapped["left out by " + rule.column];
      return rule.types;
    }
    static const std::vector<EventType> kNone;
    const std::string type = Text(type_);
    auto types = map_.types.find(type);
    if (types == map_.types.end()) types = map_.types.find("*");
    if (types != map_.types.end() && !types->second.empty()) return types->second;
    ++report_.unmapped[type.substr(0, 60)];
    return kNone;
  }

  std::int64_t Time() const {
    std::string text = map_.time_prefix;
    const auto add = [&](const std::string& part) { (text += text.empty() ? "" : " ") += part; };
    for (const std::size_t cell : time_.cells) add(row_[cell].text);
    if (!time_.columns) add(*time_.constant);
    const auto time = map_.time.Parse(text);
    if (!time.ok()) throw Fault{(time_.columns ? NameOf(time_) + ": " : "") + time.error().message};
    return time.value();
  }

  std::string RowId() const {
    std::string bytes;
    for (const Cell& cell : row_) {
      bytes += cell.text;
      for (const std::string& part : cell.list) (bytes += '\x1e') += part;
      bytes += '\x1f';
    }
    return InventedId(Hash64(bytes.data(), bytes.size()));
  }

  // The property that a row of a long table says. False: one that the map does not name.
  bool LongProperty(EventItem* item) {
    const LongTable& table = *map_.long_table;
    const std::string property(Trimmed(row_[long_property_].text));
    std::string value = row_[long_value_].text, name = property;
    if (!table.names.empty()) {
      const auto ours = table.names.find(property);
      if (ours == table.names.end()) {
        ++report_.unmapped["property '" + property.substr(0, 40) + "'"];
        return false;
      }
      name = ours->second;
    }
    if (name.empty() || Trimmed(value).empty())
      throw Fault{"column " + Quoted(name.empty() ? table.property : table.value) + " is missing"};
    double number = 0;
    if (!table.number_prefix.empty() && value.starts_with(table.number_prefix) &&
        ReadNumber(std::string_view(value).substr(table.number_prefix.size()), &number))
      value.erase(0, table.number_prefix.size());
    if (name == "price")
      item->price = NumberOf(value, "column " + Quoted(table.value));
    else
      AddProperty(name, value, &item->properties);
    return true;
  }

  // The one item of the row; without an id when it names none.
  EventItem OneItem() {
    EventItem item{.item_id = Id(item_id_), .index = Index(Number(index_)), .price = Number(price_)};
    item.quantity = Whole(Number(quantity_), 1, quantity_);
    item.properties = Properties(properties_, 0);
    AddVectors(&item.properties);
    return item;
  }
  // The items of the row's list. A place without an item keeps its number, and has no item.
  std::vector<EventItem> ListedItems() {
    std::vector<std::string> ids = items_.columns ? Parts(FirstOf(items_)) : ListOf(item_id_);
    while (!ids.empty() && Trimmed(ids.back()).empty()) ids.pop_back();
    std::vector<std::string> prices = prices_.columns ? Parts(FirstOf(prices_)) : ListOf(price_);
    while (prices.size() > ids.size() && Trimmed(prices.back()).empty()) prices.pop_back();
    const Field& of_price = prices_.columns ? prices_ : price_;
    if (!prices.empty() && prices.size() != ids.size())
      throw Fault{std::to_string(ids.size()) + " items but " + std::to_string(prices.size()) + " prices"};
    const std::vector<std::string> quantities = ListOf(quantity_), indexes = ListOf(index_);
    std::vector<EventItem> items;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::string_view id = Trimmed(ids[i]);
      if (id.empty() || IsNull(id)) {
        report_.Warn("a list of items has places without one", "", file_, rows_.line());
        continue;
      }
      EventItem item{.item_id = std::string(id), .index = static_cast<std::int32_t>(i)};
      if (!indexes.empty()) item.index = Index(NumberAt(indexes, i, index_));
      if (!prices.empty()) item.price = NumberAt(prices, i, of_price);
      if (!quantities.empty()) item.quantity = Whole(NumberAt(quantities, i, quantity_), 1, quantity_);
      item.properties = Properties(properties_, i);
      items.push_back(std::move(item));
    }
    return items;
  }

  // What comes back: a purchase with a negative quantity, price or value.
  void TurnReturn(Event* e) {
    const auto negative = [](const EventItem& item) { return item.quantity < 0 || item.price < 0; };
    const auto back = std::ranges::count_if(e->items, negative);
    if (back == 0 && !(e->value < 0)) return;
    if (back > 0 && static_cast<std::size_t>(back) < e->items.size())
      throw Fault{"the row has items that were bought and items that came back, with negative quantities"};
    if (e->type == EventType::kPurchase) {
      e->type = EventType::kPurchaseReturn;
      report_.Warn("a purchase with a negative quantity, price or value is read as a purchase.return", "", file_,
                   rows_.line());
    }
    for (EventItem& item : e->items) {
      item.quantity = std::abs(item.quantity);
      item.price = std::fabs(item.price);
    }
    e->value = std::fabs(e->value);
  }

  Event BaseOf() {
    Event e{.source = map_.source,
            .time_ms = Time(),
            .user_id = Id(user_id_),
            .session_id = Id(session_id_),
            .request_id = Id(request_id_),
            .surface = Text(surface_),
            .kind = Text(kind_),
            .value = Number(value_),
            .currency = Text(currency_),
            .transaction_id = Text(transaction_id_),
            .context = Properties(context_, 0)};
    const std::string named = Text(id_);
    e.id = named.empty() ? RowId() : named;
    return e;
  }

  void ReadRow(std::vector<Event>* events) {
    const std::vector<EventType>& types = TypesOfRow();
    if (types.empty()) return;
    Event base = BaseOf();
    const std::string anonymous = Id(anonymous_id_);
    EventItem one = OneItem();
    if (map_.long_table && !LongProperty(&one)) return;
    const std::vector<EventItem> listed = ListedItems();
    const bool is_alias = types.front() == EventType::kUserAlias;
    if (base.user_id.empty())
      base.user_id = anonymous;
    else if (!anonymous.empty() && anonymous != base.user_id && !is_alias)
      events->push_back(RowAlias(base, anonymous));
    // What is a line of an order or a slate has its id with others; what else a row says is the row's own.
    const auto is_line = [&](EventType t) { return IsOrder(t) || (map_.rows_of_slate && IsSlate(t)); };
    const bool has_lines = std::ranges::any_of(types, is_line);
    for (std::size_t k = 0; k < types.size(); ++k) {
      const EventType t = types[k];
      const bool is_last = k + 1 == types.size();
      Event& e = is_last ? events->emplace_back(std::move(base)) : events->emplace_back(base);
      e.type = t;
      if (has_lines && !is_line(t)) e.id = RowId();
      if (types.size() > 1) e.id += "/" + std::string(EventTypeName(t));
      if (is_alias) e.kind = anonymous;
      const bool use_list = !listed.empty() && (IsSlate(t) || one.item_id.empty());
      if (use_list)
        e.items = listed;
      else if (!one.item_id.empty())
        e.items.push_back(is_last ? std::move(one) : one);
      if (IsSlate(t) && first_index_line_ == 0 && !e.items.empty() && e.items[0].index >= 0 && index_.columns)
        first_index_line_ = rows_.line();
      if (IsOrder(t)) TurnReturn(&e);
      Check(e);
    }
  }

  void Check(const Event& e) const {
    const auto missing = [](const Field& field, const Field& otherwise) {
      const auto* columns = field.columns ? field.columns : otherwise.columns;
      return columns ? " (column " + Quoted(columns->front()) + ")" : ", and the map names no column for it";
    };
    if (e.user_id.empty() && e.session_id.empty() && !IsCatalogue(e.type))
      throw Fault{"user_id and session_id are missing" + missing(user_id_, session_id_)};
    if (NeedsItems(e.type) && e.items.empty()) throw Fault{"item_id is missing" + missing(item_id_, items_)};
    if (e.type == EventType::kUserAlias && (e.user_id.empty() || e.kind.empty()))
      throw Fault{"user_id or anonymous_id is missing" + missing(user_id_, anonymous_id_)};
  }

  RowSource& rows_;
  const std::string file_;
  const ImportMap& map_;
  const ImportSettings& settings_;
  ImportReport& report_;
  GatherRows gather_;
  std::map<std::string, std::size_t, std::less<>> at_;
  Field id_{"id"}, type_{"type"}, time_{"time"}, user_id_{"user_id"}, anonymous_id_{"anonymous_id"},
      session_id_{"session_id"}, request_id_{"request_id"}, surface_{"surface"}, kind_{"kind"}, items_{"items"},
      prices_{"prices"}, item_id_{"item_id"}, index_{"index"}, price_{"price"}, quantity_{"quantity"}, value_{"value"},
      currency_{"currency"}, transaction_id_{"transaction_id"};
  std::vector<PropertyColumn> context_, properties_, vectors_;
  std::vector<std::size_t> rule_cells_;
  std::size_t long_property_ = 0, long_value_ = 0;
  std::vector<Cell> row_;
  std::vector<Event> events_;           // Of the row.
  std::uint64_t first_index_line_ = 0;  // Of a slate that gives positions.
  bool saw_first_ = false;              // A position 0, or it is declared where they begin.
};

}  // namespace

Status ImportRows(RowSource& rows, const std::string& file, const ImportMap& map, const ImportSettings& settings,
                  const ImportSink& sink, ImportReport* report) {
  return Mapper(rows, file, map, settings, sink, report).Run();
}

}  // namespace gfr
