#include "model/onnx_graph.h"

#include <bit>
#include <cstring>
#include <type_traits>

namespace gfr {
namespace {

// Field numbers of onnx.proto.
constexpr int kModelIr = 1, kModelProducer = 2, kModelGraph = 7, kModelOpset = 8, kModelMetadata = 14;
constexpr int kGraphNode = 1, kGraphName = 2, kGraphConstant = 5, kGraphInput = 11, kGraphOutput = 12;
constexpr int kNodeInput = 1, kNodeOutput = 2, kNodeOp = 4, kNodeAttribute = 5, kNodeDomain = 7;
constexpr int kAttributeName = 1, kAttributeF = 2, kAttributeI = 3, kAttributeS = 4, kAttributeT = 5,
              kAttributeFloats = 7, kAttributeInts = 8, kAttributeStrings = 9, kAttributeType = 20;
constexpr int kTypeFloat = 1, kTypeInt = 2, kTypeString = 3, kTypeTensor = 4, kTypeFloats = 6, kTypeInts = 7,
              kTypeStrings = 8;
constexpr int kTensorDims = 1, kTensorType = 2, kTensorName = 8, kTensorRaw = 9;
constexpr std::int64_t kIrVersion = 8, kOpset = 17, kMlOpset = 3;

static_assert(std::endian::native == std::endian::little, "ONNX's raw tensors are little-endian");

template <typename T>
std::string_view RawBytes(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

ProtoMessage Tensor(OnnxType type, std::span<const std::int64_t> shape, std::string_view raw, std::string_view name) {
  ProtoMessage tensor;
  if (!shape.empty()) tensor.Ints(kTensorDims, shape);
  tensor.Int(kTensorType, static_cast<std::int64_t>(type)).Bytes(kTensorName, name).Bytes(kTensorRaw, raw);
  return tensor;
}

// TypeProto of a tensor: any number of rows, then `width` when it is above 0.
ProtoMessage ValueInfo(std::string_view name, OnnxType type, std::int64_t width) {
  ProtoMessage shape;
  shape.Message(1, ProtoMessage().Bytes(2, "rows"));
  if (width > 0) shape.Message(1, ProtoMessage().Int(1, width));
  ProtoMessage tensor;
  tensor.Int(1, static_cast<std::int64_t>(type)).Message(2, shape);
  return std::move(ProtoMessage().Bytes(1, name).Message(2, ProtoMessage().Message(1, tensor)));
}

}  // namespace

void ProtoMessage::Varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
  bytes_.push_back(static_cast<char>(value));
}

void ProtoMessage::Tag(int field, int wire_type) { Varint(static_cast<std::uint64_t>(field << 3 | wire_type)); }

ProtoMessage& ProtoMessage::Int(int field, std::int64_t value) {
  Tag(field, 0);
  Varint(static_cast<std::uint64_t>(value));
  return *this;
}

ProtoMessage& ProtoMessage::Float(int field, float value) {
  Tag(field, 5);
  bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  return *this;
}

ProtoMessage& ProtoMessage::Bytes(int field, std::string_view value) {
  Tag(field, 2);
  Varint(value.size());
  bytes_.append(value);
  return *this;
}

ProtoMessage& ProtoMessage::Ints(int field, std::span<const std::int64_t> values) {
  ProtoMessage packed;
  for (const std::int64_t v : values) packed.Varint(static_cast<std::uint64_t>(v));
  return Bytes(field, packed.bytes_);
}

ProtoMessage& ProtoMessage::Floats(int field, std::span<const float> values) { return Bytes(field, RawBytes(values)); }

ProtoMessage& OnnxAttributes::Add(std::string_view name, int type) {
  return attributes_.emplace_back().Bytes(kAttributeName, name).Int(kAttributeType, type);
}

OnnxAttributes& OnnxAttributes::Int(std::string_view name, std::int64_t value) {
  Add(name, kTypeInt).Int(kAttributeI, value);
  return *this;
}

OnnxAttributes& OnnxAttributes::Float(std::string_view name, float value) {
  Add(name, kTypeFloat).Float(kAttributeF, value);
  return *this;
}

OnnxAttributes& OnnxAttributes::Text(std::string_view name, std::string_view value) {
  Add(name, kTypeString).Bytes(kAttributeS, value);
  return *this;
}

OnnxAttributes& OnnxAttributes::Ints(std::string_view name, std::span<const std::int64_t> values) {
  Add(name, kTypeInts).Ints(kAttributeInts, values);
  return *this;
}

OnnxAttributes& OnnxAttributes::Floats(std::string_view name, std::span<const float> values) {
  Add(name, kTypeFloats).Floats(kAttributeFloats, values);
  return *this;
}

OnnxAttributes& OnnxAttributes::Texts(std::string_view name, std::span<const std::string> values) {
  ProtoMessage& attribute = Add(name, kTypeStrings);
  for (const std::string& value : values) attribute.Bytes(kAttributeStrings, value);
  return *this;
}

OnnxAttributes& OnnxAttributes::Doubles(std::string_view name, std::span<const double> values) {
  const std::int64_t shape[] = {static_cast<std::int64_t>(values.size())};
  Add(name, kTypeTensor).Message(kAttributeT, Tensor(OnnxType::kDouble, shape, RawBytes(values), name));
  return *this;
}

OnnxGraph::Value OnnxGraph::Next(std::string_view op) { return std::string(op) + "_" + std::to_string(names_++); }

OnnxGraph::Value OnnxGraph::Input(const std::string& name, OnnxType type, std::int64_t width) {
  inputs_.push_back(ValueInfo(name, type, width));
  return name;
}

void OnnxGraph::Output(const std::string& name, const Value& value, OnnxType type) {
  nodes_.push_back(
      std::move(ProtoMessage().Bytes(kNodeInput, value).Bytes(kNodeOutput, name).Bytes(kNodeOp, "Identity")));
  outputs_.push_back(ValueInfo(name, type, 0));
}

OnnxGraph::Value OnnxGraph::AddConstant(OnnxType type, std::span<const std::int64_t> shape, std::string_view raw) {
  Value name = Next("constant");
  constants_.push_back(Tensor(type, shape, raw, name));
  return name;
}

OnnxGraph::Value OnnxGraph::Constant(std::span<const double> values, std::vector<std::int64_t> shape) {
  return AddConstant(OnnxType::kDouble, shape, RawBytes(values));
}

OnnxGraph::Value OnnxGraph::Constant(float value) {
  return AddConstant(OnnxType::kFloat, {}, RawBytes(std::span<const float>(&value, 1)));
}

OnnxGraph::Value OnnxGraph::Constant(std::span<const std::int64_t> values) {
  const std::int64_t shape[] = {static_cast<std::int64_t>(values.size())};
  return AddConstant(OnnxType::kInt64, shape, RawBytes(values));
}

OnnxGraph::Value OnnxGraph::Node(std::string_view op, const std::vector<Value>& inputs,
                                 const OnnxAttributes& attributes, std::string_view domain) {
  Value name = Next(op);
  ProtoMessage& node = nodes_.emplace_back();
  for (const Value& input : inputs) node.Bytes(kNodeInput, input);
  node.Bytes(kNodeOutput, name).Bytes(kNodeOp, op);
  for (const ProtoMessage& attribute : attributes.attributes_) node.Message(kNodeAttribute, attribute);
  if (!domain.empty()) node.Bytes(kNodeDomain, domain);
  return name;
}

void OnnxGraph::Metadata(std::string_view key, std::string_view value) {
  metadata_.emplace_back().Bytes(1, key).Bytes(2, value);
}

std::string OnnxGraph::Bytes(std::string_view name) const {
  ProtoMessage graph;
  for (const ProtoMessage& node : nodes_) graph.Message(kGraphNode, node);
  graph.Bytes(kGraphName, name);
  for (const ProtoMessage& constant : constants_) graph.Message(kGraphConstant, constant);
  for (const ProtoMessage& input : inputs_) graph.Message(kGraphInput, input);
  for (const ProtoMessage& output : outputs_) graph.Message(kGraphOutput, output);
  ProtoMessage model;
  model.Int(kModelIr, kIrVersion).Bytes(kModelProducer, "gfr").Message(kModelGraph, graph);
  model.Message(kModelOpset, ProtoMessage().Bytes(1, "").Int(2, kOpset));
  model.Message(kModelOpset, ProtoMessage().Bytes(1, "ai.onnx.ml").Int(2, kMlOpset));
  for (const ProtoMessage& entry : metadata_) model.Message(kModelMetadata, entry);
  return model.bytes();
}

}  // namespace gfr
