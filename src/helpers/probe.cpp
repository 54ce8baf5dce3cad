// bpf_probe_read and its kin: copies from addresses that may be anything. A failed read leaves the destination zeroed,
// as Linux does, so that no program sees what was there.
#include <cstring>

#include "helpers/family.hpp"
#include "helpers/memory.hpp"

namespace skep::helpers {
namespace {

std::uint64_t copy(Env& env, MemorySpace space, std::uint64_t out, std::uint64_t size, std::uint64_t address) noexcept {
  if (size == 0) return 0;
  if (read_memory(env, space, address, {bytes_at(out), size})) return 0;
  std::memset(bytes_at(out), 0, size);
  return r0(read_error(space, address));
}

std::uint64_t copy_string(Env& env, MemorySpace space, std::uint64_t out, std::uint64_t size,
                          std::uint64_t address) noexcept {
  if (size == 0) return 0;
  const std::int64_t length = read_string(env, space, address, {reinterpret_cast<char*>(out), size});
  if (length < 0) std::memset(bytes_at(out), 0, size);
  return r0(length);
}

template <MemorySpace space>
std::uint64_t read(Env& env, std::uint64_t out, std::uint64_t size, std::uint64_t address, std::uint64_t,
                   std::uint64_t) noexcept {
  return copy(env, space, out, size, address);
}

template <MemorySpace space>
std::uint64_t read_str(Env& env, std::uint64_t out, std::uint64_t size, std::uint64_t address, std::uint64_t,
                       std::uint64_t) noexcept {
  return copy_string(env, space, out, size, address);
}

std::uint64_t read_any(Env& env, std::uint64_t out, std::uint64_t size, std::uint64_t address, std::uint64_t,
                       std::uint64_t) noexcept {
  return copy(env, space_of(address), out, size, address);
}

std::uint64_t read_any_str(Env& env, std::uint64_t out, std::uint64_t size, std::uint64_t address, std::uint64_t,
                           std::uint64_t) noexcept {
  return copy_string(env, space_of(address), out, size, address);
}

}  // namespace

std::span<const Row> probe_rows() noexcept {
  static constexpr Row kRows[] = {
      {abi::HelperId::probe_read, read_any},
      {abi::HelperId::probe_read_str, read_any_str},
      {abi::HelperId::probe_read_user, read<MemorySpace::user>},
      {abi::HelperId::probe_read_user_str, read_str<MemorySpace::user>},
      {abi::HelperId::probe_read_kernel, read<MemorySpace::kernel>},
      {abi::HelperId::probe_read_kernel_str, read_str<MemorySpace::kernel>},
      {abi::HelperId::copy_from_user, read<MemorySpace::user>},
  };
  return kRows;
}

}  // namespace skep::helpers
