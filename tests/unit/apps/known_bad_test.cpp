// SPDX-License-Identifier: Apache-2.0
#include "known_bad.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

namespace gasm {
namespace {

Mark lock_mark(std::string const& mpi) {
  return known_bad({mpi, "1.10.8", true}).at(0).mark;
}

TEST(VersionNumbers, ReadsTheFirstThree) {
  using V = std::vector<int>;
  EXPECT_EQ(version_numbers("Open MPI v4.1.4, package: Debian, ident: 4.1.9"),
            (V{4, 1, 4}));
  EXPECT_EQ(version_numbers("1.10.8"), (V{1, 10, 8}));
  EXPECT_EQ(version_numbers("5.0.6rc2"), (V{5, 0, 6}));
  EXPECT_EQ(version_numbers("5.1-git"), (V{5, 1}));
  EXPECT_EQ(version_numbers("unknown"), V{});
}

TEST(KnownBad, LocksMatterOnlyBeforeTheirRepair) {
  unsetenv("OMPI_MCA_fs_ufs_lock_algorithm");
  for (auto const* bad : {"Open MPI v4.1.4, x", "Open MPI v4.1.6, x",
                          "Open MPI v4.0.3, x", "Open MPI v5.0.5, x"})
    EXPECT_EQ(lock_mark(bad), Mark::warn) << bad;
  for (auto const* good : {"Open MPI v4.1.7, x", "Open MPI v5.0.6, x",
                           "Open MPI v5.1.0, x", "MPICH Version: 4.0.2"})
    EXPECT_EQ(lock_mark(good), Mark::ok) << good;
  setenv("OMPI_MCA_fs_ufs_lock_algorithm", "3", 1);
  EXPECT_EQ(lock_mark("Open MPI v4.1.4, x"), Mark::ok);
  setenv("OMPI_MCA_fs_ufs_lock_algorithm", "1", 1);
  EXPECT_EQ(lock_mark("Open MPI v4.1.4, x"), Mark::warn);
}

TEST(KnownBad, NamesTheBadVersions) {
  setenv("OMPI_MCA_fs_ufs_lock_algorithm", "3", 1);
  auto const found = known_bad({"Open MPI v4.1.4, x", "1.10.8", true});
  EXPECT_NE(found.at(0).text.find("Open MPI 4.1.4 writes"), std::string::npos);
  EXPECT_NE(found.at(0).text.find("before 4.1.7 and 5.0.6"), std::string::npos);
  EXPECT_NE(found.at(3).text.find("broken in HDF5 1.10.8"), std::string::npos);
  for (auto const* good : {"1.10.9", "1.12.2", "1.14.0", "1.10.4"})
    EXPECT_NE(known_bad({"MPICH", good, true}).at(3).text.find("fine"),
              std::string::npos)
        << good;
}

TEST(KnownBad, SerialHdf5IsAWarning) {
  EXPECT_EQ(known_bad({"MPICH", "1.14.0", false}).at(2).mark, Mark::warn);
  EXPECT_EQ(known_bad({"MPICH", "1.14.0", true}).at(2).mark, Mark::ok);
}

}  // namespace
}  // namespace gasm
