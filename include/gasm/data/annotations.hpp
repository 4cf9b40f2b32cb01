// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

/// One record of train.json, validation.json or test.json.
struct Annotation {
  std::string id;    ///< the video is <id>.webm
  std::string text;  ///< free text, the key "label" of the file; may be empty
  std::string template_text;  ///< "Holding [something] next to [something]"
  std::vector<std::string> placeholders;
  std::int64_t label = -1;  ///< class index; -1: the class is not known
};

/// One split of a data set in Something-Something V2's file format.
struct AnnotatedSplit {
  std::string split;                 ///< "train", "validation", ...
  std::vector<std::string> classes;  ///< classes[label] is the class's name
  std::vector<Annotation> records;   ///< in the file's order
};

/// Functions of one process on one folder. A file NAME.json may also be
/// called something-something-v2-NAME.json. Errors name the file and the
/// line and column, or the record, at fault.

/// Class names by label, from labels.json: an object of template text without
/// brackets -> label ("0", "1", ... or a number). Fails if the labels are not
/// 0 .. K-1, each once.
Result<std::vector<std::string>> load_labels(
    std::filesystem::path const& folder);

/// The records of SPLIT.json with the class of each: the one whose name is
/// its template without '[' and ']'. An id is a string or a whole number.
/// Records with only an id (the test split)
/// get their class from SPLIT-answers.csv ("id;class name" lines) if there is
/// one, else -1. Fails for a template that is no class, a repeated id, wrong
/// types, and answers that leave out a record.
Result<AnnotatedSplit> load_split(std::filesystem::path const& folder,
                                  std::string const& split);

/// The records of one file, in its order, whatever their templates are: no
/// class is looked up, every label is -1. Fails as load_split does for
/// repeated ids and wrong types.
Result<std::vector<Annotation>> load_records(std::filesystem::path const& path);

/// The splits in the folder, sorted: every NAME.json but labels.json that
/// does not begin with '{'; a damaged one is listed, and load_split says what
/// is wrong with it. Fails if there is none.
Result<std::vector<std::string>> list_splits(
    std::filesystem::path const& folder);

/// Every file of the folder that the functions above read.
Result<std::vector<std::filesystem::path>> list_annotation_files(
    std::filesystem::path const& folder);

/// "Holding [something]" -> "Holding something": the class of a template.
std::string without_brackets(std::string const& template_text);

}  // namespace gasm
