// OnnxGraph: builds the bytes of an ONNX model: nodes, constants, inputs and outputs, as the format's protocol buffers
// say (onnx.proto of ONNX 1.12; only the fields that are used).
//
// Thread safety: none; a graph belongs to its writer.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gfr {

// A message of protocol buffers. Fields are written in the order of the calls.
class ProtoMessage {
 public:
  ProtoMessage& Int(int field, std::int64_t value);
  ProtoMessage& Float(int field, float value);
  ProtoMessage& Bytes(int field, std::string_view value);
  ProtoMessage& Message(int field, const ProtoMessage& value) { return Bytes(field, value.bytes_); }
  ProtoMessage& Ints(int field, std::span<const std::int64_t> values);  // Packed.
  ProtoMessage& Floats(int field, std::span<const float> values);       // Packed.
  const std::string& bytes() const { return bytes_; }

 private:
  void Tag(int field, int wire_type);
  void Varint(std::uint64_t value);
  std::string bytes_;
};

enum class OnnxType : std::int64_t { kFloat = 1, kInt64 = 7, kDouble = 11 };

// The attributes of one node.
class OnnxAttributes {
 public:
  OnnxAttributes& Int(std::string_view name, std::int64_t value);
  OnnxAttributes& Float(std::string_view name, float value);
  OnnxAttributes& Text(std::string_view name, std::string_view value);
  OnnxAttributes& Ints(std::string_view name, std::span<const std::int64_t> values);
  OnnxAttributes& Floats(std::string_view name, std::span<const float> values);
  OnnxAttributes& Texts(std::string_view name, std::span<const std::string> values);
  OnnxAttributes& Doubles(std::string_view name, std::span<const double> values);  // A tensor of one dimension.

 private:
  friend class OnnxGraph;
  ProtoMessage& Add(std::string_view name, int type);
  std::vector<ProtoMessage> attributes_;
};

class OnnxGraph {
 public:
  // The names of values: of what a node gives, of a constant, of an input.
  using Value = std::string;

  // rows x `width` numbers.
  Value Input(const std::string& name, OnnxType type, std::int64_t width);
  // One number a row, named so.
  void Output(const std::string& name, const Value& value, OnnxType type);
  Value Constant(std::span<const double> values, std::vector<std::int64_t> shape);
  Value Constant(double value) { return Constant({&value, 1}, {}); }
  Value Constant(float value);
  Value Constant(std::span<const std::int64_t> values);
  Value Node(std::string_view op, const std::vector<Value>& inputs, const OnnxAttributes& attributes = {},
             std::string_view domain = "");
  Value Cast(const Value& value, OnnxType type) {
    return Node("Cast", {value}, OnnxAttributes().Int("to", static_cast<std::int64_t>(type)));
  }
  void Metadata(std::string_view key, std::string_view value);

  // The whole model. `name`: of the graph.
  std::string Bytes(std::string_view name) const;

 private:
  Value Next(std::string_view op);
  Value AddConstant(OnnxType type, std::span<const std::int64_t> shape, std::string_view raw);
  std::vector<ProtoMessage> nodes_, constants_, inputs_, outputs_, metadata_;
  std::size_t names_ = 0;
};

}  // namespace gfr
