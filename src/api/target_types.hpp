// Types in files: the kernel's, and its modules'.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <skep/error.hpp>

namespace skep {

namespace btf {
class Btf;
}
using TypesPtr = std::shared_ptr<const btf::Btf>;

/// The types in a file: raw BTF or ELF (loader/target_btf.hpp). What the kernel shows of itself in /sys is not read but
/// mapped, which takes no memory of this process. Errors: io with errno, and those of loader::parse_target_btf().
[[nodiscard]] Result<TypesPtr> load_types(const std::string& path, const TypesPtr& base = nullptr);

/// The types of all files in a folder but "vmlinux", which stand on the kernel's, by file name. Errors: io, and those
/// of load_types().
[[nodiscard]] Result<std::vector<TypesPtr>> load_module_types(const std::string& folder, const TypesPtr& kernel);

}  // namespace skep
