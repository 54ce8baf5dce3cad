// An interpreter to be watched: one instruction after the other, every access looked up among the regions there are,
// every moment kept. It shares the code of the helpers with the engines, and nothing else.
//
// What calls leave behind in registers that the callee may use is scrambled, so that nobody goes on with it unnoticed.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <skep/context.hpp>
#include <skep/host.hpp>

#include "abi/helper.hpp"
#include "helpers/env.hpp"
#include "program/program.hpp"
#include "soundness/trace.hpp"

namespace skep::soundness {

/// What a run needs; all of it outlives the machine.
struct Surroundings {
  const program::Program& program;
  std::span<maps::MapStorage* const> maps;
  Context& context;
  Host& host;
};

class Machine final : public helpers::Env {
 public:
  explicit Machine(const Surroundings& around);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Runs the program once, at most `most` instructions.
  [[nodiscard]] Trace run(std::size_t most);

  /// What a register holds that names a function of the program.
  [[nodiscard]] static std::uint64_t function_address(std::uint32_t pc) noexcept;

  Host& host() noexcept override { return around_.host; }
  Context& context() noexcept override { return around_.context; }
  unsigned cpu() noexcept override;
  const std::byte* readable(std::uint64_t address, std::uint64_t size) noexcept override;
  std::byte* writable(std::uint64_t address, std::uint64_t size) noexcept override;
  bool call_back(std::uint64_t, const std::array<std::uint64_t, 5>&, std::uint64_t&) override { return false; }
  bool hold_record(maps::RingBufferMap& ring, std::byte* record, std::uint64_t size) noexcept override;
  maps::RingBufferMap* release_record(std::byte* record) noexcept override;
  bool hold_map(std::shared_ptr<maps::MapStorage> map) noexcept override;
  bool lend(const std::byte* base, std::uint64_t size, bool writable) noexcept override;
  void unlend() noexcept override { lent_.pop_back(); }
  std::uint64_t readable_room(std::uint64_t address) noexcept override;
  void regions_changed() noexcept override {}

 private:
  /// A helper that calls back: the rounds there are, and how many are over.
  struct Rounds {
    std::uint64_t count = 0, done = 0;
    bool stopped = false;
    bool over_elements = false;
    std::vector<std::pair<const std::byte*, std::byte*>> elements;
  };
  struct Frame {
    Called called;
    Registers r{};
    std::uint64_t may_goto_left = kMayGoto;
    std::optional<Rounds> rounds;
  };
  struct Record {
    maps::RingBufferMap* ring;
    std::byte* bytes;
    std::uint64_t size;
  };
  enum class Touch : std::uint8_t { read, write };
  static constexpr std::uint64_t kMayGoto = 64;

  [[nodiscard]] Frame& top() { return frames_.back(); }
  [[nodiscard]] std::uint64_t stack_top() const noexcept {
    return reinterpret_cast<std::uint64_t>(stack_->data() + stack_->size());
  }
  [[nodiscard]] const isa::FormInfo& form(std::uint32_t pc) const;
  void note_moment();
  void step(const Insn& insn, const isa::FormInfo& info);
  void step_alu(const Insn& insn, const isa::FormInfo& info);
  void step_jump(const Insn& insn, const isa::FormInfo& info);
  void step_memory(const Insn& insn, const isa::FormInfo& info);
  void step_atomic(const Insn& insn, const isa::FormInfo& info);
  void step_constant(const Insn& insn, const isa::FormInfo& info);
  void step_packet(const Insn& insn, const isa::FormInfo& info);
  void step_call(const Insn& insn, const isa::FormInfo& info);
  void call_helper(const Insn& insn);
  /// The elements or numbers to call back for; false when r0 has an error instead.
  [[nodiscard]] bool begin_rounds(abi::HelperId id);
  /// The next round of the helper at hand; false when there is none and r0 is set.
  [[nodiscard]] bool next_round();
  void enter(std::uint32_t pc, bool callback);
  void leave();
  void finish_call();
  void note_arguments(const abi::Helper& helper);

  [[nodiscard]] Area region_around(std::uint64_t address, Touch touch) const;
  [[nodiscard]] bool load(std::uint64_t address, unsigned bytes, std::uint64_t& value);
  void store(std::uint64_t address, unsigned bytes, std::uint64_t value);
  /// Whether the access is inside a region; ends the run when it is not.
  [[nodiscard]] bool allow(std::uint64_t address, unsigned bytes, Touch touch);
  void note_touched(Area bytes, Area object);
  void note_stack(std::array<Area, 5>& areas, std::uint64_t address, std::uint64_t bytes) const;
  void end(Ending ending, std::string fault = {});

  Surroundings around_;
  Context::Structured structured_;
  std::unique_ptr<std::array<std::byte, kFrames * kFrameBytes>> stack_;
  std::vector<Frame> frames_;
  std::vector<Record> records_;
  std::vector<std::pair<Area, bool>> lent_;
  std::vector<std::shared_ptr<maps::MapStorage>> held_maps_;
  std::uint32_t pc_ = 0;
  bool ended_ = false;
  bool has_cpu_ = false;
  unsigned cpu_ = 0;
  Effects effects_;
  Trace trace_;
};

}  // namespace skep::soundness
