// What an object is told of the kernel around it: what the application gives, else what this machine's kernel shows.
#pragma once

#include <memory>

#include <skep/object.hpp>

#include "loader/surroundings.hpp"

namespace skep {

namespace btf {
class Btf;
}

/// The types that options.target_btf names; null where there are none.
[[nodiscard]] Result<std::shared_ptr<const btf::Btf>> read_target_btf(const ObjectOptions& options);

/// Answers to externs. Files are read when the loader asks for them.
[[nodiscard]] loader::Surroundings surroundings_of(const ObjectOptions& options);

}  // namespace skep
