// Who and where a run is: the task that the host names, the CPU that the run holds.
#include <algorithm>
#include <cstring>

#include "helpers/family.hpp"

namespace skep::helpers {
namespace {

constexpr std::uint64_t pair(std::uint32_t upper, std::uint32_t lower) noexcept {
  return std::uint64_t{upper} << 32 | lower;
}

std::uint64_t pid_tgid(Env& env, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t) noexcept {
  const Task task = env.host().task();
  return pair(task.tgid, task.pid);
}

std::uint64_t uid_gid(Env& env, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t) noexcept {
  const Task task = env.host().task();
  return pair(task.gid, task.uid);
}

std::uint64_t comm(Env& env, std::uint64_t out, std::uint64_t size, std::uint64_t, std::uint64_t,
                   std::uint64_t) noexcept {
  if (size == 0) return r0(-EINVAL);
  const Task task = env.host().task();
  const std::size_t length = std::min<std::uint64_t>(strnlen(task.comm.data(), task.comm.size()), size - 1);
  std::memcpy(bytes_at(out), task.comm.data(), length);
  std::memset(bytes_at(out) + length, 0, size - length);
  return 0;
}

std::uint64_t cpu_id(Env& env, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t) noexcept {
  return env.cpu();
}

std::uint64_t numa_node(Env& env, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t) noexcept {
  return env.host().numa_node(env.cpu());
}

}  // namespace

void hold_cpu(Env& env) noexcept { static_cast<void>(env.cpu()); }

std::span<const Row> task_rows() noexcept {
  static constexpr Row kRows[] = {
      {abi::HelperId::get_current_pid_tgid, pid_tgid}, {abi::HelperId::get_current_uid_gid, uid_gid},
      {abi::HelperId::get_current_comm, comm},         {abi::HelperId::get_smp_processor_id, cpu_id},
      {abi::HelperId::get_numa_node_id, numa_node},
  };
  return kRows;
}

}  // namespace skep::helpers
