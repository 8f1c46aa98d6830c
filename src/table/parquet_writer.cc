#include "table/parquet_writer.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/writer.h>

#include <cstdio>

namespace gfr {
namespace {

using MadeArray = arrow::Result<std::shared_ptr<arrow::Array>>;

template <typename Builder, typename T>
MadeArray NumbersOf(const std::vector<T>& values) {
  Builder builder;
  ARROW_RETURN_NOT_OK(builder.Reserve(static_cast<std::int64_t>(values.size())));
  for (const T v : values) {
    if (v == v)
      builder.UnsafeAppend(v);
    else
      builder.UnsafeAppendNull();
  }
  return builder.Finish();
}
MadeArray ArrayOf(const std::vector<float>& values) { return NumbersOf<arrow::FloatBuilder>(values); }
MadeArray ArrayOf(const std::vector<double>& values) { return NumbersOf<arrow::DoubleBuilder>(values); }
MadeArray ArrayOf(const std::vector<std::int64_t>& values) { return NumbersOf<arrow::Int64Builder>(values); }
MadeArray ArrayOf(const std::vector<std::uint64_t>& values) { return NumbersOf<arrow::UInt64Builder>(values); }
MadeArray ArrayOf(const std::vector<std::string>& values) {
  arrow::StringBuilder builder;
  for (const std::string& v : values) ARROW_RETURN_NOT_OK(v.empty() ? builder.AppendNull() : builder.Append(v));
  return builder.Finish();
}
MadeArray ArrayOf(const std::vector<std::vector<std::string>>& values) {
  const auto strings = std::make_shared<arrow::StringBuilder>();
  arrow::ListBuilder builder(arrow::default_memory_pool(), strings);
  for (const auto& list : values) {
    ARROW_RETURN_NOT_OK(builder.Append());
    for (const std::string& v : list) ARROW_RETURN_NOT_OK(strings->Append(v));
  }
  return builder.Finish();
}

arrow::Status Write(const std::string& path, const std::vector<NamedColumn>& columns) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const NamedColumn& column : columns) {
    ARROW_ASSIGN_OR_RAISE(auto array, std::visit([](const auto& values) { return ArrayOf(values); }, column.values));
    fields.push_back(arrow::field(column.name, array->type()));
    arrays.push_back(std::move(array));
  }
  const auto table = arrow::Table::Make(arrow::schema(fields), arrays);
  ARROW_ASSIGN_OR_RAISE(const auto out, arrow::io::FileOutputStream::Open(path));
  const auto properties = parquet::WriterProperties::Builder().compression(arrow::Compression::ZSTD)->build();
  ARROW_RETURN_NOT_OK(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), out, 1 << 18, properties));
  return out->Close();
}

}  // namespace

Status WriteParquet(const std::string& path, const std::vector<NamedColumn>& columns) {
  const std::string beside = path + ".tmp";
  if (const auto status = Write(beside, columns); !status.ok())
    return Error{ErrorCode::kUnavailable, status.ToString(), {path, 0}};
  if (std::rename(beside.c_str(), path.c_str()) != 0)
    return Error{ErrorCode::kUnavailable, "cannot rename it into place", {path, 0}};
  return {};
}

}  // namespace gfr
