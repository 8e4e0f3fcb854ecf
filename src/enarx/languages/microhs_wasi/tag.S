# The tag by which longjmp is thrown: no library of zig defines it.
.globl __c_longjmp
.tagtype __c_longjmp i32
__c_longjmp:
