#include "serve/row_reader.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "serve/test_forest.h"

namespace gfr {
namespace {

class RowReaderTest : public testing::Test {
 protected:
  // Rows as "1 2|3 nan", or the error.
  std::string Shown(const Status& status) const {
    if (!status.ok()) return status.error().message;
    std::string text;
    for (std::size_t i = 0; i < rows_.values(); ++i) {
      const double value = rows_.doubles ? rows_.f64[i] : static_cast<double>(rows_.f32[i]);
      char number[32];
      std::snprintf(number, sizeof number, "%g", value);
      text += (i == 0 ? "" : i % rows_.columns == 0 ? "|" : " ") + std::string(number);
    }
    return text;
  }
  std::string Json(std::string body) { return Shown(ReadJsonRows(body, *model_, &rows_)); }
  std::string Lines(std::string body) { return Shown(ReadJsonLineRows(body, *model_, &rows_)); }
  std::string Csv(const std::string& body) { return Shown(ReadCsvRows(body, *model_, &rows_)); }
  std::string Infer(std::string body) { return Shown(ReadInferRequest(body, *model_, &rows_, &request_)); }

  const std::shared_ptr<const ForestModel> model_ = ForestModel::Make(StumpsForTests(), "m").value();
  RowMatrix rows_;
  InferRequest request_;
};

// Plain lists are read from their text, and others value by value: both have one grammar.
TEST_F(RowReaderTest, ANumberIsReadAlikeInAPlainListAndBesideAWord) {
  const std::pair<std::string, std::string> numbers[] = {{"0", "0"},
                                                         {"-0", "-0"},
                                                         {"1.5", "1.5"},
                                                         {"-1.25e-7", "-1.25e-07"},
                                                         {"1E3", "1000"},
                                                         {"12345678901234567890123", "1.23457e+22"},
                                                         {"0.1234567890123456789012", "0.123457"},
                                                         {"1e-400", "0"},
                                                         {"null", "nan"}};
  for (const auto& [number, shown] : numbers) {
    EXPECT_EQ(Json("{\"instances\":[[1," + number + "]]}"), "1 " + shown);
    EXPECT_EQ(Json("{\"instances\":[[true," + number + " ]]}"), "1 " + shown);
  }
  for (const std::string wrong : {"01", "1.", ".5", "+1", "-", "1e", "1e+", "0x1", "nul", "1e999", "1 2", "\"1\""}) {
    const std::string refusal = Json("{\"instances\":[[1," + wrong + "]]}");
    EXPECT_TRUE(refusal.find("is no number") != std::string::npos ||
                refusal.find("not valid JSON") != std::string::npos)
        << wrong << " gives " << refusal;
    EXPECT_EQ(Json("{\"instances\":[[true," + wrong + "]]}"), refusal) << wrong;
  }
  EXPECT_EQ(Json("{\"instances\":[[ 1 , 2.5\t] , [-3e2,\n0]]}"), "1 2.5|-300 0");
}

TEST_F(RowReaderTest, EveryFormOfRowsInJsonIsRead) {
  EXPECT_EQ(Json(R"({"instances":[[1,2.5],[-3e2,0]]})"), "1 2.5|-300 0");
  EXPECT_EQ(Json(R"({"instances":[{"features":[1,2]},{"features":[3,4]}]})"), "1 2|3 4");
  EXPECT_EQ(Json(R"({"instances":[{"b":2,"a":1},{"a":3,"b":4}],"signature_name":"x"})"), "1 2|3 4");
  EXPECT_EQ(Json(R"({"inputs":[[1,2]]})"), "1 2");
  EXPECT_EQ(Json(R"({"inputs":{"b":[2,4],"a":[1,3]}})"), "1 2|3 4");
  EXPECT_EQ(Json(R"({"dataframe_records":[{"a":1,"b":2}]})"), "1 2");
  EXPECT_EQ(Json(R"({"dataframe_split":{"index":[0,1],"columns":["b","a"],"data":[[2,1],[4,3]]}})"), "1 2|3 4");
  EXPECT_EQ(Json(R"({"dataframe_split":{"data":[[2,1],[4,3]],"columns":["b","a"]}})"), "1 2|3 4");
  EXPECT_EQ(Json(R"({"dataframe_split":{"data":[[2,1]]}})"), "2 1");
  EXPECT_EQ(Json(R"({"instances":[]})"), "");
  EXPECT_EQ(Lines("[1,2]\n\n{\"features\":[3,4]}\r\n{\"b\":6,\"a\":5}"), "1 2|3 4|5 6");
}

TEST_F(RowReaderTest, MissingValuesAreNullNanOrAnEmptyCell) {
  EXPECT_EQ(Json(R"({"instances":[[null,NaN],[true, false],[Infinity,-Infinity]]})"), "nan nan|1 0|inf -inf");
  EXPECT_EQ(Csv(",NA\nnan,\n"), "nan nan|nan nan");
}

TEST_F(RowReaderTest, CsvMayNameTheModelsColumnsFirst) {
  EXPECT_EQ(Csv("a,b\n1,2\r\n\"3\", 4 \n"), "1 2|3 4");
  EXPECT_EQ(Csv("1,+2e1"), "1 20");
  EXPECT_EQ(Csv(""), "");
  EXPECT_EQ(Csv("b,a\n1,2\n"), "line 1, column 1 is 'b'; valid is a number, or nothing where it is missing");
  EXPECT_EQ(Csv("1,2\n1\n"), "line 2 has 1 columns; the model reads 2");
}

TEST_F(RowReaderTest, TruthValuesOfCsvAreOneAndZero) {
  EXPECT_EQ(Csv("True,False\ntrue, false \n\"TRUE\",FALSE\n"), "1 0|1 0|1 0");
  EXPECT_EQ(Csv("a,b\nTrue,2\n"), "1 2");
  for (const std::string wrong : {"tRUE", "Truely", "T", "yes", "-True", "True False"})
    EXPECT_EQ(Csv("1," + wrong),
              "line 1, column 2 is '" + wrong + "'; valid is a number, or nothing where it is missing");
}

TEST_F(RowReaderTest, AListLongerThanTheBufferIsReadWhollyAndLeavesNothingWhenItIsRefused) {
  std::string numbers, shown;
  for (int i = 0; i < 1000; ++i) {
    numbers += (i == 0 ? "" : ", ") + std::to_string(i) + ".5";
    shown += (i == 0 ? "" : i % 2 == 0 ? "|" : " ") + std::to_string(i) + ".5";
  }
  const std::string head = R"({"inputs":[{"name":"x","datatype":"FP32","shape":[500,2],"data":[)";
  EXPECT_EQ(Infer(head + numbers + "]}]}"), shown);
  const std::size_t last = numbers.rfind(' ') + 1;
  EXPECT_EQ(Infer(head + numbers.substr(0, last) + "true]}]}"), shown.substr(0, shown.rfind(' ')) + " 1");
}

// The first list behind "data" is read before the rest of the body; it may be something else.
TEST_F(RowReaderTest, ATensorsDataIsReadWhereverItStands) {
  const std::string tensor = R"("name":"x","datatype":"FP32","shape":[2,2])";
  EXPECT_EQ(Infer("{\"inputs\":[{\"data\":[1,2,3,4]," + tensor + "}]}"), "1 2|3 4");
  EXPECT_EQ(
      Infer("{\"id\":\"i\",\"inputs\":[{" + tensor + ",\"data\" : [ 1,2,3,4 ]}],\"outputs\":[{\"name\":\"predict\"}]}"),
      "1 2|3 4");
  EXPECT_EQ(request_.id, "i");
  EXPECT_EQ(request_.outputs, std::vector<std::string>{"predict"});
  request_ = {};
  EXPECT_EQ(Infer("{\"parameters\":{\"data\":[9]},\"inputs\":[{" + tensor +
                  ",\"data\":[1,2,3,4]}],\"outputs\":[{\"name\":\"predict\"}]}"),
            "1 2|3 4");
  EXPECT_EQ(request_.outputs.size(), 1u);
  EXPECT_EQ(Infer(R"({"id":"x\"data\":[9]","inputs":[{)" + tensor + R"(,"data":[1,2,3,4]}]})"), "1 2|3 4");
  EXPECT_EQ(Infer(R"({"inputs":[{"x\"data":[9],)" + tensor + R"(,"data":[1,2,3,4]}]})"), "1 2|3 4");
  EXPECT_EQ(Infer("{\"inputs\":[{" + tensor + ",\"data\":[[1,2],[3,4]]}]}"), "1 2|3 4");
  const std::string column = R"("datatype":"FP64","shape":[2],"data":)";
  EXPECT_EQ(Infer("{\"inputs\":[{\"name\":\"b\"," + column + "[2,4]},{\"name\":\"a\"," + column + "[1,3]}]}"),
            "1 2|3 4");
  EXPECT_EQ(Infer("{\"inputs\":[{" + tensor + ",\"data\":[1,2,3]}]}"), "the shape of 'x' is not that of its 3 values");
  // A body that is wrong behind its data is refused in the words of one whose data was not read before.
  for (const std::string wrong : {"}]} x", "", "}]}]", "}]", "}]}}", "}],}", "}]} {}"}) {
    const std::string refusal = Infer("{\"inputs\":[{" + tensor + ",\"data\":[1,2,3,4]" + wrong);
    EXPECT_NE(refusal.find("the body is not "), std::string::npos) << wrong << " gives " << refusal;
    EXPECT_EQ(refusal, Infer("{\"inputs\":[{" + tensor + ",\"data\":[1,2,3,true]" + wrong)) << wrong;
  }
}

TEST_F(RowReaderTest, TensorsInBinaryFormStandBehindTheRequest) {
  const auto bytes = [](auto... values) {
    std::string text;
    (text.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
    return text;
  };
  const auto read = [&](const std::string& document, const std::string& binary) {
    std::string body = document + binary;
    request_ = {};
    return Shown(ReadInferRequest(body, document.size(), *model_, &rows_, &request_));
  };
  const auto matrix = [](const std::string& datatype, std::size_t size) {
    return R"({"inputs":[{"name":"x","shape":[2,2],"datatype":")" + datatype +
           R"(","parameters":{"binary_data_size":)" + std::to_string(size) +
           R"(}}],"outputs":[{"name":"predict","parameters":{"binary_data":true}}]})";
  };
  EXPECT_EQ(read(matrix("FP32", 16), bytes(1.f, -2.5f, 3.f, 4.f)), "1 -2.5|3 4");
  EXPECT_TRUE(request_.binary_output);
  EXPECT_EQ(request_.outputs, std::vector<std::string>{"predict"});
  EXPECT_EQ(read(matrix("FP64", 32), bytes(1., -2.5, 3., 4.)), "1 -2.5|3 4");
  using u16 = std::uint16_t;
  EXPECT_EQ(read(matrix("FP16", 8), bytes(u16{0x3c00}, u16{0xc100}, u16{0x7c00}, u16{0x0001})),
            "1 -2.5|inf 5.96046e-08");
  EXPECT_EQ(read(matrix("INT64", 32), bytes(std::int64_t{1}, std::int64_t{-2}, std::int64_t{3}, std::int64_t{4})),
            "1 -2|3 4");
  EXPECT_EQ(read(matrix("UINT8", 4), "\x01\x02\xff\x04"), "1 2|255 4");
  const std::string columns =
      R"({"inputs":[{"name":"b","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}},)"
      R"({"name":"a","shape":[2],"datatype":"INT16","parameters":{"binary_data_size":4}}]})";
  EXPECT_EQ(read(columns, bytes(2.f, 4.f, std::int16_t{1}, std::int16_t{3})), "1 2|3 4");
  EXPECT_EQ(
      read(
          R"({"parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]})",
          ""),
      "1 2");
  EXPECT_TRUE(request_.binary_output);
  EXPECT_EQ(read(matrix("FP32", 16), bytes(1.f, 2.f, 3.f)),
            "input 'x' has binary_data_size 16; 12 bytes are left of the body");
  EXPECT_EQ(read(matrix("FP32", 16), bytes(1.f, 2.f, 3.f, 4.f, 5.f)),
            "4 bytes behind the tensors belong to none of them");
  EXPECT_EQ(read(matrix("FP32", 15), std::string(15, 'x')), "15 bytes are no whole number of values of FP32");
  EXPECT_EQ(read(matrix("FP32", 12), bytes(1.f, 2.f, 3.f)), "the shape of 'x' is not that of its 3 values");
  EXPECT_EQ(
      read(
          R"({"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1],"parameters":{"binary_data_size":4}}]})",
          bytes(1.f)),
      "input 'x' has both data and binary_data_size");
  EXPECT_EQ(
      read(R"({"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","parameters":{"binary_data_size":-4}}]})", ""),
      "binary_data_size is not a whole number");
}

// Numbers alone are read without a parser; what stands around them must be as its grammar has it.
TEST_F(RowReaderTest, PlainRowsFollowTheGrammarToo) {
  EXPECT_EQ(Json(" { \"inputs\" :\n[ [1, 2] ,[3,\t4 ] ] }\n"), "1 2|3 4");
  for (const std::string wrong :
       {R"({"instances":[[1,2]]} x)", R"({"instances":[[1,2]]]})", R"({"instances":[[1,2],]})",
        R"({"instances":[[1,2][3,4]]})", R"({"instances":[[1,2]],})", R"({"instances"[[1,2]]})",
        R"({"instances":[[1,2]])", R"({"instances":[[1,2])", R"({"instances":[[1,2,]]})"})
    EXPECT_NE(Json(wrong).find_first_of("abcdefghijklm"), std::string::npos) << wrong << " gives " << Json(wrong);
  EXPECT_EQ(Json(R"({"instances":[[1,2]],"inputs":[[1,2]]})"),
            "the body has more than one of instances, inputs, dataframe_split and dataframe_records");
}

TEST_F(RowReaderTest, WhatIsWrongIsNamedByRowAndColumn) {
  EXPECT_EQ(Json(R"({"instances":[[1,2],[1]]})"), "row 1 has 1 values; the model reads 2");
  EXPECT_EQ(Json(R"({"instances":[[1,"2"]]})"), "row 0: value 1 is no number");
  EXPECT_EQ(Json(R"({"instances":[[1,[2]]]})"), "row 0: value 1 is no number");
  EXPECT_EQ(Json(R"({"instances":[{"a":1}]})"), "row 0 has 1 values; the model reads 2");
  EXPECT_EQ(Json(R"({"instances":[{"a":1,"c":2}]})"), "the model has no column 'c'; its first is 'a'");
  EXPECT_EQ(Json(R"({"instances":[{"a":1,"a":2}]})"), "row 0 has a column twice");
  EXPECT_EQ(Json(R"({"instances":["x"]})"), "row 0 is neither a list of numbers nor an object");
  EXPECT_EQ(Json(R"({"instances":{}})"), "instances is not a list of rows");
  EXPECT_EQ(Json(R"({"inputs":{"a":[1,2],"b":[1]}})"), "column 'b' has 1 values, another one 2");
  EXPECT_EQ(Json(R"({"inputs":{"a":[1]}})"), "1 columns; the model reads 2");
  EXPECT_EQ(Json(R"({"dataframe_split":{"columns":["a","a"],"data":[[1,2]]}})"), "column 'a' stands twice");
  EXPECT_EQ(Json(R"({"dataframe_split":{"columns":["a","b"]}})"), "dataframe_split has no data");
  EXPECT_EQ(Json("{}"), "the body has none of instances, inputs, dataframe_split and dataframe_records");
  EXPECT_EQ(Json(R"({"instances":[],"inputs":[]})"),
            "the body has more than one of instances, inputs, dataframe_split and dataframe_records");
  EXPECT_EQ(Json("[1]"), "the body is not a JSON object");
  EXPECT_EQ(Lines("[1,2]\n[1,2] 3\n"), "line 2 has something behind its value");
  EXPECT_TRUE(Lines("[1,2]\n[1\n").starts_with("line 2: the body is not valid JSON"));
  for (const char* body : {"", "{", R"({"instances":[[1,2])", R"({"instances":[[1,2]]}x)", R"({"instances":[[1 2]]})",
                           R"({"instances":[[1,2]]} {})", R"({"instances":[[01,2]]})", R"({"instances":[[1.,2]]})"})
    EXPECT_FALSE(ReadJsonRows(*std::make_unique<std::string>(body), *model_, &rows_).ok()) << body;
}

TEST_F(RowReaderTest, TensorsAreAMatrixOrAColumnEach) {
  EXPECT_EQ(Infer(R"({"id":"7","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]}],
                      "outputs":[{"name":"predict"}]})"),
            "1 2|3 4");
  EXPECT_EQ(request_.id, "7");
  EXPECT_EQ(request_.outputs, std::vector<std::string>{"predict"});
  EXPECT_EQ(Infer(R"({"inputs":[{"data":[[1,2],[3,4]],"name":"x","datatype":"FP64","shape":[2,2]}]})"), "1 2|3 4");
  EXPECT_EQ(Infer(R"({"inputs":[{"name":"b","shape":[2],"datatype":"INT64","data":[2,4]},
                                {"name":"a","shape":[2,1],"datatype":"FP32","data":[[1],[3]]}]})"),
            "1 2|3 4");
  EXPECT_EQ(Infer(R"({"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3]}]})"),
            "the shape of 'x' is not that of its 3 values");
  EXPECT_EQ(Infer(R"({"inputs":[{"name":"x","shape":[4294967296,4294967296],"datatype":"FP32","data":[]}]})"),
            "shape is not a list of at most 8 whole numbers");
  EXPECT_EQ(Infer(R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"BYTES","data":[1,2]}]})"),
            "datatype of 'x' is 'BYTES'; valid are those of numbers");
  EXPECT_EQ(Infer(R"({"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]})"),
            "the model reads one input of shape [rows, 2], or 2 of shape [rows]");
  EXPECT_EQ(Infer(R"({"inputs":[]})"), "inputs is missing or empty");
  EXPECT_EQ(Infer(R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32"}]})"),
            "input 'x' has neither data nor binary_data_size");
}

TEST_F(RowReaderTest, AColumnAloneMakesNoMatrixAndASplitHasItsPartsOnce) {
  std::string zeros = "0";
  for (int i = 1; i < 200; ++i) zeros += ",0";
  EXPECT_EQ(Json(R"({"inputs":{"a":[)" + zeros + R"(],"b":[0]}})"),
            "column 'a' has 200 values; the other columns have fewer");
  EXPECT_EQ(Infer(R"({"inputs":[{"name":"a","datatype":"FP32","shape":[200],"data":[)" + zeros +
                  R"(]},{"name":"b","datatype":"FP32","shape":[1],"data":[0]}]})"),
            "column 'b' has 1 values, another one 200");
  EXPECT_EQ(Json(R"({"dataframe_split":{"columns":["b","a"],"columns":["b","a"],"data":[[2,1]]}})"),
            "dataframe_split has columns or data twice");
  EXPECT_EQ(Json(R"({"dataframe_split":{"data":[[2,1]],"data":[[2,1]]}})"),
            "dataframe_split has columns or data twice");
}

TEST_F(RowReaderTest, ReadsNumbersToTheNearestFloat) {
  Rng rng(1);
  for (int n = 0; n < 20'000; ++n) {
    const double value = std::ldexp(static_cast<double>(rng.Below(1ull << 53)), static_cast<int>(rng.Below(200)) - 150);
    char text[64];
    std::snprintf(text, sizeof text, "%.17g", value);
    std::string body = std::string(R"({"instances":[[)") + text + ",-" + text + "]]}";
    ASSERT_TRUE(ReadJsonRows(body, *model_, &rows_).ok());
    ASSERT_EQ(rows_.f32, (std::vector<float>{static_cast<float>(value), static_cast<float>(-value)})) << text;
    ASSERT_TRUE(ReadCsvRows(std::string(text) + ",0", *model_, &rows_).ok());
    ASSERT_EQ(rows_.f32[0], std::strtof(text, nullptr)) << text;
  }
}

TEST_F(RowReaderTest, AnyBytesAreReadOrRefused) {
  const std::string bodies[] = {
      R"({"instances":[[1,2.5],[null,NaN]],"more":{"x":[1,"y"]}})",
      R"({"dataframe_split":{"columns":["b","a"],"data":[[2,1],[4,3]]}})",
      R"({"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,2],[3,4]]}]})",
  };
  Rng rng(2);
  for (int n = 0; n < 30'000; ++n) {
    std::string body = bodies[n % 3];
    for (std::uint64_t changes = 1 + rng.Below(4); changes > 0; --changes) {
      const std::size_t at = rng.Below(body.size());
      if (rng.Below(3) == 0)
        body.erase(at, rng.Below(6));
      else
        body[at] = R"([]{},:"0.-eN )"[rng.Below(14)];
      if (body.empty()) body = "x";
    }
    std::string again = body, lines = body;
    const Status read = ReadJsonRows(body, *model_, &rows_);
    if (read.ok()) {
      EXPECT_EQ(rows_.values() % 2, 0u) << body;
    }
    InferRequest request;
    if (ReadInferRequest(again, *model_, &rows_, &request).ok()) {
      EXPECT_EQ(rows_.values() % 2, 0u) << again;
    }
    (void)ReadJsonLineRows(lines, *model_, &rows_);
    (void)ReadCsvRows(lines, *model_, &rows_);
  }
}

}  // namespace
}  // namespace gfr
