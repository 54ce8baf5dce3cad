// Backwards along definitions.
#include "verifier/diagnose/slice.hpp"

#include <algorithm>
#include <bitset>

#include "isa/table.hpp"

namespace skep::verifier {
namespace {

using isa::Operands;
using isa::Operation;

constexpr std::size_t kMaxWrites = 24, kMaxCandidates = 256, kMaxChoices = 6;

bool is_branch(const isa::FormInfo& info) {
  return info.operands == Operands::compare_imm || info.operands == Operands::compare_src;
}

const isa::FormInfo& info_of(const Insn& insn) { return isa::info(static_cast<isa::Form>(isa::find_form(insn))); }

/// The registers and slots that matter before the step at hand.
class Wanted {
 public:
  void add(Spot spot) { bits_.set(index(spot)); }
  void drop(Spot spot) { bits_.reset(index(spot)); }
  [[nodiscard]] bool has(Spot spot) const { return bits_.test(index(spot)); }
  [[nodiscard]] bool empty() const { return bits_.none(); }
  [[nodiscard]] std::vector<Spot> all() const {
    std::vector<Spot> spots;
    for (std::size_t i = 0; i < bits_.size(); ++i)
      if (bits_.test(i)) spots.push_back(spot(i));
    return spots;
  }
  /// Forgets what belongs to frames above `depth`.
  void drop_above(unsigned depth) {
    for (std::size_t i = depth * kPerFrame; i < bits_.size(); ++i) bits_.reset(i);
  }

 private:
  static constexpr std::size_t kPerFrame = isa::kRegisters + kSlots;
  static std::size_t index(Spot spot) {
    return spot.frame * kPerFrame + (spot.on_stack ? isa::kRegisters : 0u) + spot.number;
  }
  static Spot spot(std::size_t i) {
    const auto frame = static_cast<std::uint8_t>(i / kPerFrame);
    const auto rest = static_cast<std::uint8_t>(i % kPerFrame);
    return rest < isa::kRegisters ? Spot{frame, false, rest}
                                  : Spot{frame, true, static_cast<std::uint8_t>(rest - isa::kRegisters)};
  }
  std::bitset<kMaxFrames * kPerFrame> bits_;
};

class Slicer {
 public:
  Slicer(const program::Program& program, std::span<const Mark> path, std::uint32_t pc_after)
      : program_(program), path_(path), pc_after_(pc_after) {}

  std::vector<Clue> run(const Subject& subject) {
    if (path_.empty()) return {};
    if (subject.loop) {
      follow_loop();
    } else if (subject.acquired_at) {
      follow_reference(*subject.acquired_at);
    } else {
      for (const Spot& spot : subject.spots) wanted_.add(spot);
      // The last step is the one to blame: what it does itself no longer matters.
      for (at_ = path_.size() - 1; at_-- > 0 && !wanted_.empty() && writes_ < kMaxWrites;) go_back();
    }
    std::reverse(clues_.begin(), clues_.end());
    return std::move(clues_);
  }

 private:
  [[nodiscard]] const Insn& insn(std::size_t at) const { return program_.insns[path_[at].pc]; }
  [[nodiscard]] std::uint32_t pc_after(std::size_t at) const {
    return at + 1 < path_.size() ? path_[at + 1].pc : pc_after_;
  }

  Clue& note(Clue::Kind kind, Spot spot) {
    const std::size_t next = std::min(at_ + 1, path_.size() - 1);
    clues_.push_back({kind, spot, path_[at_].pc, path_[at_].serial, path_[next].serial, pc_after(at_)});
    if (kind != Clue::Kind::may_learn) ++writes_;
    return clues_.back();
  }
  /// The step gives the spot its value, made of nothing that goes further back.
  void begins(Spot spot, Clue::Kind kind = Clue::Kind::writes) {
    wanted_.drop(spot);
    note(kind, spot).first = true;
  }

  void go_back() {
    const unsigned depth = path_[at_].depth, next = path_[at_ + 1].depth;
    if (next > depth) return enter(depth - 1);
    if (next < depth) return leave(depth - 1);
    const unsigned frame = depth - 1;
    const Insn& insn = this->insn(at_);
    const isa::FormInfo& info = info_of(insn);
    switch (info.operands) {
      case Operands::none:
      case Operands::jump_off:
      case Operands::jump_imm:
        return;
      case Operands::dst:
      case Operands::dst_imm:
      case Operands::dst_src:
      case Operands::dst_src_imm:
      case Operands::lddw:
        return compute(frame, insn, info);
      case Operands::load:
        return load(frame, insn);
      case Operands::store_imm:
      case Operands::store_src:
        return store(frame, insn, info);
      case Operands::atomic:
        return atomic(frame, insn, info);
      case Operands::compare_imm:
      case Operands::compare_src:
        return learn();
      case Operands::call_imm:
      case Operands::call_pc:
      case Operands::packet_abs:
      case Operands::packet_ind:
        return call(frame);
    }
  }

  void compute(unsigned frame, const Insn& insn, const isa::FormInfo& info) {
    const Spot dst = Spot::reg(frame, insn.dst);
    if (!wanted_.has(dst)) return;
    const bool moves = info.operation == Operation::mov_ || info.operation == Operation::movsx_;
    const bool from_register = info.operands == Operands::dst_src;
    if (info.operands == Operands::lddw || (moves && !from_register)) return begins(dst);
    note(Clue::Kind::writes, dst);
    if (moves) wanted_.drop(dst);
    if (from_register && insn.src != isa::kFramePointer) wanted_.add(Spot::reg(frame, insn.src));
  }

  void load(unsigned frame, const Insn& insn) {
    const Spot dst = Spot::reg(frame, insn.dst);
    if (!wanted_.has(dst)) return;
    const Mark& mark = path_[at_];
    if (mark.stack_frame == Mark::kNoFrame) return begins(dst);
    wanted_.drop(dst);
    note(Clue::Kind::writes, dst);
    wanted_.add(Spot::stack(mark.stack_frame, mark.stack_off));
  }

  void store(unsigned frame, const Insn& insn, const isa::FormInfo& info) {
    const Mark& mark = path_[at_];
    if (mark.stack_frame == Mark::kNoFrame) return learn();
    const Spot slot = Spot::stack(mark.stack_frame, mark.stack_off);
    if (!wanted_.has(slot)) return;
    note(Clue::Kind::writes, slot);
    if (info.width() == 64) wanted_.drop(slot);
    if (info.operands == Operands::store_src) wanted_.add(Spot::reg(frame, insn.src));
  }

  void atomic(unsigned frame, const Insn& insn, const isa::FormInfo& info) {
    const unsigned result = info.operation == Operation::atomic_cmpxchg_ ? 0u : insn.src;
    const Spot spot = Spot::reg(frame, result);
    if (wanted_.has(spot) && (info.writes & (isa::regs::S | isa::regs::R0)) != 0) begins(spot);
    if (path_[at_].stack_frame != Mark::kNoFrame) {
      const Spot slot = Spot::stack(path_[at_].stack_frame, path_[at_].stack_off);
      if (wanted_.has(slot)) begins(slot);
    }
  }

  void learn() {
    for (const Spot& spot : wanted_.all())
      if (candidates_++ < kMaxCandidates) note(Clue::Kind::may_learn, spot);
  }

  void call(unsigned frame) {
    for (unsigned i = 0; i <= 5; ++i)
      if (wanted_.has(Spot::reg(frame, i)))
        begins(Spot::reg(frame, i), i == 0 ? Clue::Kind::writes : Clue::Kind::takes);
    learn();
  }

  /// Back out of a function that the step called.
  void enter(unsigned frame) {
    const bool by_program = info_of(insn(at_)).operands == Operands::call_pc;
    for (unsigned i = 1; i <= 5; ++i) {
      const Spot inside = Spot::reg(frame + 1, i);
      if (!wanted_.has(inside)) continue;
      note(Clue::Kind::passes, inside).first = !by_program;
      if (by_program) wanted_.add(Spot::reg(frame, i));
    }
    wanted_.drop_above(frame + 1);
  }

  /// Back into a function that the step left; `frame` is the function's.
  void leave(unsigned frame) {
    const std::uint32_t back = pc_after(at_);
    const bool by_program = back > 0 && info_of(program_.insns[back - 1]).operands == Operands::call_pc;
    if (!by_program) return;  // a callback returns into the helper, which goes on where it was called
    for (unsigned i = 1; i <= 5; ++i)
      if (wanted_.has(Spot::reg(frame - 1, i))) begins(Spot::reg(frame - 1, i), Clue::Kind::takes);
    if (!wanted_.has(Spot::reg(frame - 1, 0))) return;
    note(Clue::Kind::passes, Spot::reg(frame - 1, 0));
    wanted_.drop(Spot::reg(frame - 1, 0));
    wanted_.add(Spot::reg(frame, 0));
  }

  /// From where it was acquired to where it should have been given back, with the turns taken on the way.
  void follow_reference(std::uint32_t pc) {
    std::size_t choices = 0;
    for (at_ = path_.size() - 1; at_-- > 0;) {
      if (path_[at_].pc == pc) {
        note(Clue::Kind::acquires, Spot::reg(path_[at_].depth - 1u, 0)).first = true;
        return;
      }
      if (is_branch(info_of(insn(at_))) && choices++ < kMaxChoices)
        note(Clue::Kind::chooses, Spot::reg(path_[at_].depth - 1u, insn(at_).dst));
    }
  }

  /// The branches of the last round, each with the same one a round earlier.
  void follow_loop() {
    const auto is_head = [&](const Mark& mark) { return mark.pc == pc_after_; };
    const auto last = std::find_if(path_.rbegin(), path_.rend(), is_head);
    if (last == path_.rend()) return;
    const auto begin = static_cast<std::size_t>(path_.rend() - last) - 1;
    const auto earlier = std::find_if(last + 1, path_.rend(), is_head);
    const std::size_t first = earlier == path_.rend() ? begin : static_cast<std::size_t>(path_.rend() - earlier) - 1;
    std::size_t choices = 0;
    for (at_ = path_.size(); at_-- > begin && choices < kMaxChoices;) {
      if (!is_branch(info_of(insn(at_)))) continue;
      ++choices;
      const auto same = [&](const Mark& mark) { return mark.pc == path_[at_].pc; };
      const auto round = path_.subspan(first, begin - first);
      const auto before = std::find_if(round.begin(), round.end(), same);
      Clue& clue = note(Clue::Kind::repeats, Spot::reg(path_[at_].depth - 1u, insn(at_).dst));
      if (before != round.end()) clue.before = before->serial;
    }
  }

  const program::Program& program_;
  std::span<const Mark> path_;
  std::uint32_t pc_after_;
  Wanted wanted_;
  std::vector<Clue> clues_;
  std::size_t at_ = 0, writes_ = 0, candidates_ = 0;
};

}  // namespace

std::vector<Clue> slice(const program::Program& program, std::span<const Mark> path, const Subject& subject,
                        std::uint32_t pc_after) {
  return Slicer(program, path, pc_after).run(subject);
}

}  // namespace skep::verifier
