// What the running kernel's helpers answer: builds a program that makes one call, runs it, gives back r0 and memory.
//
// The program is a sched_cls one under BPF_PROG_TEST_RUN. Memory that the call touches lies in one array map; a
// constant string (for helpers that want one) in a second, frozen one.
#pragma once

#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "abi/helper.hpp"
#include "support/kernel.hpp"

namespace skep::kernel {

class HelperOracle {
 public:
  static constexpr std::size_t kDataBytes = 4096;
  using Data = std::array<std::byte, kDataBytes>;

  struct Arg {
    enum Kind { number, data, text } kind = number;
    std::int64_t value = 0;  ///< the number, or an offset
  };
  /// The program stores the address of data + target at data + at before the call.
  struct Pointer {
    std::int16_t at = 0;
    std::int32_t target = 0;
  };
  struct Outcome {
    std::int64_t r0 = 0;
    Data data{};
  };

  [[nodiscard]] const std::string& log() const { return log_; }

  /// Nothing when the kernel refused the program; log() says why.
  std::optional<Outcome> call(abi::HelperId id, const std::array<Arg, 5>& args, const Data& data,
                              const std::string& text = {}, const std::vector<Pointer>& pointers = {}) {
    const Descriptor text_map = frozen(text);
    std::vector<Insn> insns;
    map_value(insns, 6, data_map_, 0);
    for (const Pointer& pointer : pointers) {
      map_value(insns, 1, data_map_, pointer.target);
      insns.emplace_back(0x7b, 6, 1, pointer.at, 0);
    }
    for (std::uint8_t i = 0; i < args.size(); ++i) {
      const auto reg = static_cast<std::uint8_t>(i + 1);
      if (args[i].kind == Arg::number)
        constant(insns, reg, args[i].value);
      else
        map_value(insns, reg, args[i].kind == Arg::data ? data_map_ : text_map,
                  static_cast<std::int32_t>(args[i].value));
    }
    insns.emplace_back(0x85, 0, 0, 0, static_cast<std::int32_t>(id));
    map_value(insns, 6, data_map_, 0);
    insns.emplace_back(0x7b, 6, 0, kResultAt, 0);
    insns.emplace_back(0xb7, 0, 0, 0, 0);
    insns.emplace_back(0x95, 0, 0, 0, 0);
    const Descriptor program = load_logged(insns);
    if (!program.ok()) return std::nullopt;
    std::array<std::byte, kDataBytes + 8> value{};
    std::copy(data.begin(), data.end(), value.begin());
    update(data_map_, value.data());
    if (run(program) < 0) return std::nullopt;
    return outcome();
  }

 private:
  static constexpr std::int16_t kResultAt = kDataBytes;  // behind the data, in the same value

  static Descriptor create(std::uint32_t value_size, std::uint32_t flags) {
    bpf_attr attr{};
    attr.map_type = BPF_MAP_TYPE_ARRAY;
    attr.key_size = sizeof(std::uint32_t);
    attr.value_size = value_size;
    attr.max_entries = 1;
    attr.map_flags = flags;
    return Descriptor(kernel::call(BPF_MAP_CREATE, attr));
  }
  static void update(const Descriptor& map, const void* value) {
    const std::uint32_t key = 0;
    bpf_attr attr{};
    attr.map_fd = static_cast<std::uint32_t>(map.get());
    attr.key = reinterpret_cast<std::uint64_t>(&key);
    attr.value = reinterpret_cast<std::uint64_t>(value);
    kernel::call(BPF_MAP_UPDATE_ELEM, attr);
  }
  static Descriptor frozen(const std::string& text) {
    Descriptor map = create(kDataBytes, BPF_F_RDONLY_PROG);
    std::array<char, kDataBytes> value{};
    std::memcpy(value.data(), text.data(), std::min(text.size(), value.size() - 1));
    update(map, value.data());
    bpf_attr attr{};
    attr.map_fd = static_cast<std::uint32_t>(map.get());
    kernel::call(BPF_MAP_FREEZE, attr);
    return map;
  }
  static void constant(std::vector<Insn>& insns, std::uint8_t reg, std::int64_t value) {
    insns.emplace_back(0x18, reg, 0, 0, static_cast<std::int32_t>(value));
    insns.emplace_back(0, 0, 0, 0, static_cast<std::int32_t>(value >> 32));
  }
  static void map_value(std::vector<Insn>& insns, std::uint8_t reg, const Descriptor& map, std::int32_t off) {
    insns.emplace_back(0x18, reg, BPF_PSEUDO_MAP_VALUE, 0, map.get());
    insns.emplace_back(0, 0, 0, 0, off);
  }
  Descriptor load_logged(const std::vector<Insn>& insns) {
    log_.assign(65536, '\0');
    bpf_attr attr{};
    attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
    attr.insns = reinterpret_cast<std::uint64_t>(insns.data());
    attr.insn_cnt = static_cast<std::uint32_t>(insns.size());
    attr.license = reinterpret_cast<std::uint64_t>("GPL");
    attr.log_level = 1;
    attr.log_buf = reinterpret_cast<std::uint64_t>(log_.data());
    attr.log_size = static_cast<std::uint32_t>(log_.size());
    Descriptor program(kernel::call(BPF_PROG_LOAD, attr));
    log_.resize(std::strlen(log_.c_str()));
    return program;
  }
  static int run(const Descriptor& program) {
    std::array<std::byte, 64> packet{};
    bpf_attr attr{};
    attr.test.prog_fd = static_cast<std::uint32_t>(program.get());
    attr.test.data_in = reinterpret_cast<std::uint64_t>(packet.data());
    attr.test.data_size_in = packet.size();
    return kernel::call(BPF_PROG_TEST_RUN, attr);
  }
  [[nodiscard]] Outcome outcome() const {
    const std::uint32_t key = 0;
    std::array<std::byte, kDataBytes + 8> whole{};
    bpf_attr attr{};
    attr.map_fd = static_cast<std::uint32_t>(data_map_.get());
    attr.key = reinterpret_cast<std::uint64_t>(&key);
    attr.value = reinterpret_cast<std::uint64_t>(whole.data());
    kernel::call(BPF_MAP_LOOKUP_ELEM, attr);
    Outcome result;
    std::memcpy(result.data.data(), whole.data(), kDataBytes);
    std::memcpy(&result.r0, whole.data() + kResultAt, sizeof(result.r0));
    return result;
  }

  Descriptor data_map_ = create(kDataBytes + 8, 0);
  std::string log_;
};

}  // namespace skep::kernel
