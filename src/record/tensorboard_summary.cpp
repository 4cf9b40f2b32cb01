// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/tensorboard_summary.hpp"

#include <string>

#include "proto_writer.hpp"

// Numbers of fields as in TensorBoard's summary.proto, tensor.proto and
// plugins/hparams/{api,plugin_data}.proto.

namespace gasm {
namespace {

using record_detail::ProtoWriter;

/// Summary: 1 value. Value: 1 tag.
ProtoWriter value_of(std::string_view tag) {
  ProtoWriter value;
  value.add_bytes(1, tag);
  return value;
}

std::string as_part(ProtoWriter const& value) {
  ProtoWriter summary;
  summary.add_bytes(1, value.bytes());
  return summary.bytes();
}

/// SummaryMetadata: 1 plugin_data {1 plugin_name, 2 content}.
std::string metadata_of(std::string_view plugin, std::string_view content) {
  ProtoWriter data;
  data.add_bytes(1, plugin);
  if (!content.empty()) data.add_bytes(2, content);
  ProtoWriter metadata;
  metadata.add_bytes(1, data.bytes());
  return metadata.bytes();
}

/// Value: 8 tensor, 9 metadata. The tab HPARAMS reads the metadata alone; the
/// tensor [0] of floats keeps the value one that readers accept.
std::string hparams_part(std::string_view tag, ProtoWriter const& content) {
  constexpr std::int64_t kFloat = 1;
  ProtoWriter dim;
  dim.add_integer(1, 0);
  ProtoWriter shape;
  shape.add_bytes(2, dim.bytes());
  ProtoWriter tensor;
  tensor.add_integer(1, kFloat);
  tensor.add_bytes(2, shape.bytes());
  auto value = value_of(tag);
  value.add_bytes(8, tensor.bytes());
  value.add_bytes(9, metadata_of("hparams", content.bytes()));
  return as_part(value);
}

/// google.protobuf.Value: 2 number, 3 string, 4 bool.
std::string plain_value(HparamValue const& value) {
  ProtoWriter plain;
  if (auto const* number = std::get_if<double>(&value))
    plain.add_double(2, *number);
  else if (auto const* text = std::get_if<std::string>(&value))
    plain.add_bytes(3, *text);
  else
    plain.add_integer(4, std::get<bool>(value) ? 1 : 0);
  return plain.bytes();
}

/// DataType: 1 string, 2 bool, 3 float64.
std::int64_t type_of(HparamValue const& value) {
  if (std::holds_alternative<std::string>(value)) return 1;
  return std::holds_alternative<bool>(value) ? 2 : 3;
}

}  // namespace

HparamValue hparam_of(std::string const& word) {
  if (word == "true") return true;
  if (word == "false") return false;
  char* end = nullptr;
  bool const may_be_number =
      word.find_first_not_of("0123456789+-.eE") == std::string::npos;
  double const number = std::strtod(word.c_str(), &end);
  if (may_be_number && !word.empty() && *end == '\0') return number;
  return word;
}

void TensorBoardSummary::add_scalar(std::string_view tag, double number) {
  auto value = value_of(tag);
  value.add_float(2, static_cast<float>(number));
  bytes_ += as_part(value);
}

// HistogramProto: 1 min, 2 max, 3 num, 4 sum, 5 sum_squares, 6 bucket_limit,
// 7 bucket.
void TensorBoardSummary::add_histogram(std::string_view tag,
                                       Histogram const& histogram) {
  ProtoWriter proto;
  proto.add_double(1, histogram.min);
  proto.add_double(2, histogram.max);
  proto.add_double(3, histogram.num);
  proto.add_double(4, histogram.sum);
  proto.add_double(5, histogram.sum_squares);
  proto.add_packed(6, histogram.limits);
  proto.add_packed(7, histogram.counts);
  auto value = value_of(tag);
  value.add_bytes(5, proto.bytes());
  bytes_ += as_part(value);
}

// Image: 1 height, 2 width, 3 colorspace, 4 encoded_image_string.
// SummaryMetadata: 3 summary_description.
void TensorBoardSummary::add_image(std::string_view tag,
                                   std::span<std::byte const> png, int width,
                                   int height, std::string_view description) {
  constexpr std::int64_t kRgb = 3;
  ProtoWriter image;
  image.add_integer(1, height);
  image.add_integer(2, width);
  image.add_integer(3, kRgb);
  image.add_bytes(4, std::string_view(reinterpret_cast<char const*>(png.data()),
                                      png.size()));
  ProtoWriter metadata;
  metadata.add_bytes(3, description);
  auto value = value_of(tag);
  value.add_bytes(4, image.bytes());
  value.add_bytes(9, metadata.bytes());
  bytes_ += as_part(value);
}

void TensorBoardSummary::add_text(std::string_view tag,
                                  std::string_view markdown) {
  constexpr std::int64_t kString = 7;
  ProtoWriter tensor;
  tensor.add_integer(1, kString);
  tensor.add_bytes(2, {});  // a scalar
  tensor.add_bytes(8, markdown);
  auto value = value_of(tag);
  value.add_bytes(8, tensor.bytes());
  value.add_bytes(9, metadata_of("text", {}));
  bytes_ += as_part(value);
}

// HParamsPluginData: 2 experiment. Experiment: 3 time_created_secs,
// 4 hparam_infos {1 name, 4 type}, 5 metric_infos {1 name {2 tag}}.
void TensorBoardSummary::add_experiment(Hparams const& hparams,
                                        std::span<std::string const> metrics,
                                        double time_s) {
  ProtoWriter experiment;
  experiment.add_double(3, time_s);
  for (auto const& [name, value] : hparams) {
    ProtoWriter info;
    info.add_bytes(1, name);
    info.add_integer(4, type_of(value));
    experiment.add_bytes(4, info.bytes());
  }
  for (auto const& tag : metrics) {
    ProtoWriter name;
    name.add_bytes(2, tag);
    ProtoWriter info;
    info.add_bytes(1, name.bytes());
    experiment.add_bytes(5, info.bytes());
  }
  ProtoWriter content;
  content.add_bytes(2, experiment.bytes());
  bytes_ += hparams_part("_hparams_/experiment", content);
}

// HParamsPluginData: 3 session_start_info. SessionStartInfo: 1 hparams (a map:
// 1 key, 2 value), 4 group_name, 5 start_time_secs.
void TensorBoardSummary::add_session_start(Hparams const& hparams,
                                           std::string_view name,
                                           double time_s) {
  ProtoWriter start;
  for (auto const& [key, value] : hparams) {
    ProtoWriter entry;
    entry.add_bytes(1, key);
    entry.add_bytes(2, plain_value(value));
    start.add_bytes(1, entry.bytes());
  }
  start.add_bytes(4, name);
  start.add_double(5, time_s);
  ProtoWriter content;
  content.add_bytes(3, start.bytes());
  bytes_ += hparams_part("_hparams_/session_start_info", content);
}

// HParamsPluginData: 4 session_end_info. SessionEndInfo: 1 status (1 success,
// 2 failure), 2 end_time_secs.
void TensorBoardSummary::add_session_end(bool is_success, double time_s) {
  ProtoWriter end;
  end.add_integer(1, is_success ? 1 : 2);
  end.add_double(2, time_s);
  ProtoWriter content;
  content.add_bytes(4, end.bytes());
  bytes_ += hparams_part("_hparams_/session_end_info", content);
}

}  // namespace gasm
