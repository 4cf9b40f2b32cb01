// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/safetensors.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstring>
#include <fstream>

#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

/// The bytes of a file with this header and data, as the format says.
std::string file_bytes(std::string const& header, std::string const& data) {
  std::uint64_t const length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

class SafetensorsTest : public ::testing::Test {
 protected:
  std::filesystem::path write(std::string const& bytes) {
    auto const path = folder_.path() / "x.safetensors";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  std::string why_bad(std::string const& bytes) {
    auto const result = read_safetensors(write(bytes));
    return result ? "read" : result.error().what();
  }
  TempFolder folder_;
};

TEST_F(SafetensorsTest, ReadsAFileMadeByHand) {
  std::string data(12, '\0');
  float const values[] = {1.5F, -2.0F};
  std::int32_t const number = 7;
  std::memcpy(data.data(), values, 8);
  std::memcpy(data.data() + 8, &number, 4);
  auto const file = read_safetensors(write(file_bytes(
      R"({"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[2,1],)"
      R"("data_offsets":[0,8]},"n":{"dtype":"I32","shape":[],)"
      R"("data_offsets":[8,12]}}   )",
      data)));
  ASSERT_TRUE(file) << file.error().what();
  EXPECT_EQ(file->metadata.at("a"), "b");
  auto const& w = file->tensors.at("w");
  EXPECT_EQ(w.sizes(), (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(w[0].item<float>(), 1.5F);
  EXPECT_EQ(w[1].item<float>(), -2.0F);
  EXPECT_EQ(file->tensors.at("n").item<int>(), 7);
}

TEST_F(SafetensorsTest, KeepsEveryTypeShapeAndLayout) {
  TensorFile file;
  for (auto const type :
       {at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong,
        at::kHalf, at::kBFloat16, at::kFloat, at::kDouble})
    file.tensors[c10::toString(type)] =
        at::arange(6).reshape({2, 3}).t().to(type);
  file.tensors["empty"] = at::empty({0, 4});
  file.tensors["scalar"] = at::full({}, 3.25);
  file.metadata["step"] = "12";
  auto const path = folder_.path() / "y.safetensors";
  auto const hash = write_safetensors(path, file);
  ASSERT_TRUE(hash);
  EXPECT_EQ(*hash, *xxh64_file(path));
  auto const read = read_safetensors(path);
  ASSERT_TRUE(read) << read.error().what();
  EXPECT_EQ(read->metadata, file.metadata);
  ASSERT_EQ(read->tensors.size(), file.tensors.size());
  for (auto const& [name, tensor] : file.tensors) {
    EXPECT_EQ(read->tensors.at(name).scalar_type(), tensor.scalar_type());
    EXPECT_TRUE(at::equal(read->tensors.at(name), tensor)) << name;
  }
}

TEST_F(SafetensorsTest, AlignsItsData) {
  TensorFile file;
  file.tensors["a"] = at::ones({3}, at::kByte);
  file.tensors["b"] = at::ones({2}, at::kDouble);
  auto const path = folder_.path() / "z.safetensors";
  ASSERT_TRUE(write_safetensors(path, file));
  auto const text = *read_text(path);
  std::uint64_t length = 0;
  std::memcpy(&length, text.data(), 8);
  EXPECT_EQ(length % 8, 0U);
  EXPECT_EQ(text[8], '{');
  EXPECT_NE(text.find(R"("data_offsets":[0,16],"dtype":"F64")"),
            std::string::npos);
}

TEST_F(SafetensorsTest, RefusesWhatIsNotSound) {
  using ::testing::Test;
  auto const entry = [](std::string const& offsets, std::string const& type,
                        std::string const& shape) {
    return R"({"w":{"dtype":")" + type + R"(","shape":)" + shape +
           R"(,"data_offsets":)" + offsets + "}}";
  };
  std::string const eight(8, 'x');
  EXPECT_NE(why_bad("abc").find("shorter"), std::string::npos);
  EXPECT_NE(why_bad(std::string(8, '\x7f') + "{}").find("claims"),
            std::string::npos);
  EXPECT_NE(why_bad(file_bytes("[1]", "")).find("object"), std::string::npos);
  EXPECT_NE(why_bad(file_bytes("{nonsense", "")).find("JSON"),
            std::string::npos);
  EXPECT_NE(why_bad(file_bytes(entry("[0,8]", "F99", "[2]"), eight))
                .find("unknown type F99"),
            std::string::npos);
  EXPECT_NE(why_bad(file_bytes(entry("[0,8]", "F32", "[3]"), eight))
                .find("its shape needs 12"),
            std::string::npos);
  EXPECT_NE(why_bad(file_bytes(entry("[0,8]", "F32", "[2]"), "xx"))
                .find("bytes 0 to 8 of 2"),
            std::string::npos);
  EXPECT_NE(why_bad(file_bytes(entry("[0,8]", "F32", "[2]"), eight + "y"))
                .find("belong to no tensor"),
            std::string::npos);
  EXPECT_NE(why_bad(file_bytes(entry("[4,12]", "F32", "[2]"), eight + eight))
                .find("begins at byte 4"),
            std::string::npos);
  EXPECT_NE(why_bad(file_bytes(entry("[0,8]", "F32", "[4611686018427387905,4]"),
                               eight))
                .find("larger than any memory"),
            std::string::npos);
  EXPECT_NE(
      why_bad(file_bytes(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":)"
                         R"([0,4]},"w":{"dtype":"F32","shape":[1],)"
                         R"("data_offsets":[4,8]}})",
                         eight))
          .find("twice"),
      std::string::npos);
  EXPECT_NE(why_bad(file_bytes(R"({"w":)" + std::string(9, '['), ""))
                .find("nested too deep"),
            std::string::npos);
  EXPECT_NE(why_bad(file_bytes(entry("[0,2]", "BOOL", "[2]"), "\x01\x02"))
                .find("neither true nor false"),
            std::string::npos);
  EXPECT_NE(why_bad(file_bytes(entry("[0,0]", "F32",
                                     "[0,4611686018427387904,"
                                     "4611686018427387904]"),
                               ""))
                .find("larger than any memory"),
            std::string::npos);
  EXPECT_FALSE(read_safetensors(folder_.path() / "missing"));
}

TEST_F(SafetensorsTest, AFullDiskIsAnError) {
  TensorFile file;
  file.tensors["a"] = at::ones({3});
  set_write_fault(2, ENOSPC);
  auto const done = write_safetensors(folder_.path() / "f", file);
  set_write_fault(-1, 0);
  ASSERT_FALSE(done);
  EXPECT_NE(std::string(done.error().what()).find("No space left"),
            std::string::npos);
}

}  // namespace
}  // namespace gasm
