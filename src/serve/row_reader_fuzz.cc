// Any body of a model protocol is rows within its bounds or an error, and rows of whole width.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "serve/row_reader.h"
#include "serve/test_forest.h"

namespace {

void Read(const std::string& body, const gfr::ForestModel& model, gfr::RowMatrix* rows) {
  const auto check = [&](const gfr::Status& status) {
    // A value and what parts it from the next one; a row of two columns by name has more than that.
    if (status.ok() && (rows->values() % model.columns() != 0 || rows->values() > body.size() + model.columns()))
      std::abort();
  };
  std::string text = body;
  check(gfr::ReadJsonRows(text, model, rows));
  check(gfr::ReadJsonLineRows(text, model, rows));
  gfr::InferRequest request;
  check(gfr::ReadInferRequest(text, model, rows, &request));
  request = {};
  check(gfr::ReadInferRequest(text, body.rfind('}') + 1, model, rows, &request));  // What follows is binary.
  check(gfr::ReadCsvRows(body, model, rows));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using gfr::ForestModel;
  static const auto floats = ForestModel::Make(gfr::StumpsForTests(), "floats").value();
  static const auto doubles = ForestModel::Make(gfr::StumpsForTests(gfr::Forest::Engine::kLightgbm), "doubles").value();
  static gfr::RowMatrix rows;
  const std::string body(reinterpret_cast<const char*>(data), size);
  Read(body, *floats, &rows);
  Read(body, *doubles, &rows);
  return 0;
}
