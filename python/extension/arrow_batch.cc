#include "arrow_batch.h"

#include <cstring>
#include <stdexcept>

namespace gfr {
namespace {

// What an exported schema owns; its children are released by their parent, or by whoever took them.
struct OwnedSchema {
  std::string format, name;
  std::vector<std::unique_ptr<ArrowSchema>> children;
  std::vector<ArrowSchema*> pointers;
};

void ReleaseSchema(ArrowSchema* schema) {
  for (std::int64_t i = 0; i < schema->n_children; ++i) {
    if (schema->children[i]->release) schema->children[i]->release(schema->children[i]);
  }
  delete static_cast<OwnedSchema*>(schema->private_data);
  schema->release = nullptr;
}

void SetSchema(std::unique_ptr<OwnedSchema> owned, std::int64_t flags, ArrowSchema* out) {
  for (const auto& child : owned->children) owned->pointers.push_back(child.get());
  OwnedSchema* const own = owned.release();
  *out = {.format = own->format.c_str(),
          .name = own->name.c_str(),
          .metadata = nullptr,
          .flags = flags,
          .n_children = static_cast<std::int64_t>(own->children.size()),
          .children = own->pointers.data(),
          .dictionary = nullptr,
          .release = ReleaseSchema,
          .private_data = own};
}

struct OwnedArray {
  std::shared_ptr<const void> column;  // Keeps the buffers.
  std::vector<const void*> buffers;
  std::vector<std::unique_ptr<ArrowArray>> children;
  std::vector<ArrowArray*> pointers;
};

void ReleaseArray(ArrowArray* array) {
  for (std::int64_t i = 0; i < array->n_children; ++i) {
    if (array->children[i]->release) array->children[i]->release(array->children[i]);
  }
  delete static_cast<OwnedArray*>(array->private_data);
  array->release = nullptr;
}

void SetArray(std::unique_ptr<OwnedArray> owned, std::int64_t length, std::int64_t nulls, ArrowArray* out) {
  for (const auto& child : owned->children) owned->pointers.push_back(child.get());
  OwnedArray* const own = owned.release();
  *out = {.length = length,
          .null_count = nulls,
          .offset = 0,
          .n_buffers = static_cast<std::int64_t>(own->buffers.size()),
          .n_children = static_cast<std::int64_t>(own->children.size()),
          .buffers = own->buffers.data(),
          .children = own->pointers.data(),
          .dictionary = nullptr,
          .release = ReleaseArray,
          .private_data = own};
}

}  // namespace

BatchView::BatchView(const ArrowSchema& schema, const ArrowArray& array) : schema_(schema), array_(array) {
  if (std::string_view(schema.format) != "+s") throw std::invalid_argument("what was given is no record batch");
}

const ArrowArray& BatchView::Find(const char* name, std::string_view formats, char* format) const {
  for (std::int64_t i = 0; i < schema_.n_children; ++i) {
    if (std::string_view(schema_.children[i]->name) != name) continue;
    const std::string_view is = schema_.children[i]->format;
    if (is.size() != 1 || formats.find(is[0]) == std::string_view::npos)
      throw std::invalid_argument("column '" + std::string(name) + "' has the Arrow format '" + std::string(is) +
                                  "'; valid is one of '" + std::string(formats) + "'");
    *format = is[0];
    const ArrowArray& column = *array_.children[i];
    const auto* valid = static_cast<const std::uint8_t*>(column.buffers[0]);
    for (std::int64_t row = 0; valid && column.null_count != 0 && row < array_.length; ++row) {
      const std::int64_t bit = row + array_.offset + column.offset;
      if (!(valid[bit / 8] >> (bit % 8) & 1))
        throw std::invalid_argument("column '" + std::string(name) + "' has a null");
    }
    return column;
  }
  throw std::invalid_argument("the batch has no column '" + std::string(name) + "'");
}

const std::int64_t* BatchView::Integers(const char* name) const {
  char format = 0;
  const ArrowArray& column = Find(name, "l", &format);
  return static_cast<const std::int64_t*>(column.buffers[1]) + array_.offset + column.offset;
}

BatchView::Bytes BatchView::Binary(const char* name) const {
  char format = 0;
  const ArrowArray& column = Find(name, "zZ", &format);
  const std::int64_t first = array_.offset + column.offset;
  Bytes bytes;
  if (format == 'z')
    bytes.narrow_ = static_cast<const std::int32_t*>(column.buffers[1]) + first;
  else
    bytes.wide_ = static_cast<const std::int64_t*>(column.buffers[1]) + first;
  bytes.bytes_ = static_cast<const char*>(column.buffers[2]);
  return bytes;
}

void OutBatch::Push(Column column) {
  auto kept = std::make_shared<Column>(std::move(column));
  const void* values = kept->format == "l"   ? static_cast<const void*>(kept->integers.data())
                       : kept->format == "i" ? static_cast<const void*>(kept->narrow.data())
                       : kept->format == "f" ? static_cast<const void*>(kept->floats.data())
                                             : static_cast<const void*>(kept->wide.data());
  kept->buffers = {kept->valid.empty() ? nullptr : kept->valid.data(), values};
  if (kept->format == "Z") kept->buffers.push_back(kept->bytes.data());
  columns_.push_back(std::move(kept));
}

void OutBatch::Add(std::string name, std::vector<std::int64_t> values) {
  const auto length = static_cast<std::int64_t>(values.size());
  Push({.name = std::move(name), .format = "l", .length = length, .integers = std::move(values)});
}

void OutBatch::Add(std::string name, std::vector<std::int32_t> values) {
  const auto length = static_cast<std::int64_t>(values.size());
  Push({.name = std::move(name), .format = "i", .length = length, .narrow = std::move(values)});
}

void OutBatch::Add(std::string name, std::vector<float> values) {
  Column column{.name = std::move(name), .format = "f", .length = static_cast<std::int64_t>(values.size())};
  column.valid.assign(values.size() / 8 + 1, 0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == values[i])
      column.valid[i / 8] = static_cast<std::uint8_t>(column.valid[i / 8] | 1u << (i % 8));
    else
      ++column.nulls;
  }
  if (column.nulls == 0) column.valid.clear();
  column.floats = std::move(values);
  Push(std::move(column));
}

void OutBatch::AddBinary(std::string name, const std::vector<std::string>& values) {
  Column column{.name = std::move(name), .format = "Z", .length = static_cast<std::int64_t>(values.size())};
  column.wide.push_back(0);
  for (const std::string& value : values) {
    column.bytes += value;
    column.wide.push_back(static_cast<std::int64_t>(column.bytes.size()));
  }
  Push(std::move(column));
}

void OutBatch::Export(ArrowSchema* schema) const {
  auto owned = std::make_unique<OwnedSchema>(OwnedSchema{.format = "+s"});
  for (const auto& column : columns_) {
    owned->children.push_back(std::make_unique<ArrowSchema>());
    SetSchema(std::make_unique<OwnedSchema>(OwnedSchema{.format = column->format, .name = column->name}),
              column->format == "f" ? kArrowFlagNullable : 0, owned->children.back().get());
  }
  SetSchema(std::move(owned), 0, schema);
}

void OutBatch::Export(ArrowArray* array) const {
  auto owned = std::make_unique<OwnedArray>();
  owned->buffers = {nullptr};
  for (const auto& column : columns_) {
    auto child = std::make_unique<OwnedArray>();
    child->column = column;
    child->buffers = column->buffers;
    owned->children.push_back(std::make_unique<ArrowArray>());
    SetArray(std::move(child), column->length, column->nulls, owned->children.back().get());
  }
  SetArray(std::move(owned), rows(), 0, array);
}

}  // namespace gfr
