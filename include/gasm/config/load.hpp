// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gasm/config/run_config.hpp"

namespace gasm {

/// Reading, checking and printing a configuration. No function here
/// communicates: under MPI, rank 0 reads the bytes and broadcasts them, every
/// rank calls parse_config on them and throws the same error.
///
/// Strict: an unknown or repeated key, a wrong type, a value out of range, a
/// wrong list length, a second document is a usage_error that names
/// file:line:column (counted from 1), the key path (model.fusion.heads) and,
/// for unknown keys and words, the nearest valid one. Overrides are
/// "a.b=value" with the value in YAML, applied in order after the file, the
/// last one of a key winning; their errors name "--set a.b=value".

/// A configuration from YAML text. `name` stands for the file in messages.
/// Presets are resolved and validate() has passed.
RunConfig parse_config(std::string_view text, std::string const& name,
                       std::span<std::string const> overrides = {});

/// parse_config of a file. usage_error if it cannot be read.
RunConfig load_config(std::filesystem::path const& path,
                      std::span<std::string const> overrides = {});

/// The `model:` section of a file that holds nothing else, or of a whole run
/// configuration, whose other keys are read but not checked against each
/// other. usage_error if there is no such section.
ModelConfig parse_model_config(std::string_view text, std::string const& name,
                               std::span<std::string const> overrides = {});

/// Throws usage_error if values that are each fine contradict each other, or
/// ask for something that this program does not have. `name` (a file) starts
/// the message if given.
void validate(RunConfig const& config, std::string const& name = "");
void validate(ModelConfig const& config, std::string const& name = "");

/// What training needs besides: data.train and data.val are set.
void validate_for_training(RunConfig const& config,
                           std::string const& name = "");

/// The resolved file: every key, in the order of the structs. Numbers are the
/// shortest that read back to the same value; parsing it gives the same text.
std::string to_yaml(RunConfig const& config);
std::string to_yaml(ModelConfig const& config);

/// Every key path with its value, as they stand in to_yaml().
std::vector<std::pair<std::string, std::string>> list_values(
    RunConfig const& config);

/// XXH64 of to_yaml(config) in 16 hexadecimal digits.
std::string digest(RunConfig const& config);
std::string digest(ModelConfig const& config);

/// docs/configuration.md, generated from the structs.
std::string config_reference();

}  // namespace gasm
