# The guest of enarx.host.vm.tiny_guest: from real mode to 64 bits, then two instructions to try.
.set BASE, 0xF0000
.code16
.org 0
start:
  cli
  lgdtl %cs:gdtr
  movl %cr0,%eax
  orb $1,%al
  movl %eax,%cr0
  ljmpl $0x08,$(BASE+p32)
.code32
p32:
  movl $0x10,%eax
  movl %eax,%ds
  movl $0x2003,0x1000
  movl $0x3003,0x2000
  movl $0x83,0x3000
  movl $0x1000,%eax
  movl %eax,%cr3
  movl $0x620,%eax
  movl %eax,%cr4
  movl $0xc0000080,%ecx
  rdmsr
  orl $0x100,%eax
  wrmsr
  movl $0x80000013,%eax
  movl %eax,%cr0
  ljmpl $0x18,$(BASE+p64)
.code64
p64:
  pcmpeqb %xmm0,%xmm0
  pmovmskb %xmm0,%eax
  cmpl $0xffff,%eax
  jne fail
  xorl %eax,%eax
  cpuid
  cmpl $7,%eax
  jb good
  movl $7,%eax
  xorl %ecx,%ecx
  cpuid
  btl $8,%ebx
  jnc good
  movl $3,%edx
  movl $4,%ecx
  shlxl %ecx,%edx,%eax
  cmpl $48,%eax
  jne fail
good:
  movb $0x10,%al
  jmp end
fail:
  movb $0x11,%al
end:
  outb %al,$0xf4
1:
  hlt
  jmp 1b
.balign 8
gdt:
  .quad 0
  .quad 0x00cf9b000000ffff
  .quad 0x00cf93000000ffff
  .quad 0x00af9b000000ffff
gdtr:
  .word 31
  .long BASE+gdt
